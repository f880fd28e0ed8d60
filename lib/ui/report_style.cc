#include "ui/report.h"

namespace kirikae::ui {

std::string_view report_style() {
  return R"css(
:root { color-scheme: light dark; --page: #fff; --ink: #1d2430; --faint: #667085; --line: #d9dee6; --box: #f5f7fa;
  --good: #187a3c; --bad: #c02b25; --warn: #9a6200; --badge: #fff;
  --connect: #7a8699; --lock: #a09060; --upload: #2f78c4; --link: #2a9d8f; --build: #8a5cc2; --publish: #3f9b3f;
  --verify: #1b9aaa; --prune: #b08440; --undo: #d9822b; }
@media (prefers-color-scheme: dark) { :root { --page: #14181f; --ink: #e3e8ef; --faint: #97a3b6; --line: #343c49;
  --box: #1d232d; --good: #4cc27a; --bad: #f2706b; --warn: #e0ac4f; --badge: #14181f;
  --connect: #8e9aad; --lock: #b8a877; --upload: #5a9fe6; --link: #45b8aa; --build: #a983dd; --publish: #5fbb5f;
  --verify: #3fbccb; --prune: #c99c58; --undo: #ee9d4d; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1180px; padding: 24px 30px 60px; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
h1 { font-size: 24px; line-height: 1.3; margin: 0 0 4px; }
h2 { font-size: 17px; margin: 34px 0 10px; }
.badge { display: inline-block; padding: 1px 10px; margin-left: 8px; border-radius: 11px; color: var(--badge);
  background: var(--bad); font-size: 15px; font-weight: 600; vertical-align: 3px; }
.badge.good { color: var(--badge); background: var(--good); }
.badge.warn { color: var(--badge); background: var(--warn); }
.about, .faint { color: var(--faint); }
.about { margin: 0 0 18px; }
.totals { display: flex; flex-wrap: wrap; gap: 10px; margin: 0; }
.totals div { min-width: 118px; padding: 8px 14px; border: 1px solid var(--line); border-radius: 8px; background: var(--box); }
.totals dt { color: var(--faint); font-size: 13px; }
.totals dd { margin: 0; font-size: 18px; font-weight: 600; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 4px 12px 4px 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
th { color: var(--faint); font-weight: 500; font-size: 13px; white-space: nowrap; }
td.number, th.number { text-align: right; white-space: nowrap; }
td.number, th.number { padding-right: 20px; }
td.host { white-space: nowrap; }
td.long { overflow-wrap: anywhere; min-width: 200px; }
td.bar { width: 34%; }
.bar svg { display: block; width: 100%; height: 12px; margin-top: 5px; }
.wide { overflow-x: auto; }
.bad { color: var(--bad); }
.good { color: var(--good); }
.warn { color: var(--warn); }
section.failure { border: 1px solid var(--line); border-left: 4px solid var(--bad); border-radius: 6px; padding: 10px 14px;
  margin: 10px 0; background: var(--box); }
section.failure h3 { margin: 0; font-size: 15px; overflow-wrap: anywhere; }
section.failure p { margin: 2px 0; overflow-wrap: anywhere; white-space: pre-wrap; }
pre { margin: 8px 0 2px; padding: 10px 12px; max-height: 420px; overflow: auto; border: 1px solid var(--line); border-radius: 6px;
  background: var(--page); font: 13px/1.45 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; white-space: pre-wrap;
  overflow-wrap: anywhere; }
summary { cursor: pointer; color: var(--faint); }
svg.timeline { display: block; max-width: none; }
svg.timeline text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; fill: var(--ink); }
svg.timeline.low text.name { font-size: 9px; }
svg.timeline text.name { text-anchor: end; }
svg.timeline text.name.bad { fill: var(--bad); font-weight: 600; }
svg.timeline text.scale { fill: var(--faint); font-size: 11px; text-anchor: middle; }
svg.timeline text.phase-name { fill: var(--badge); font-weight: 600; font-size: 11px; }
.tick { stroke: var(--line); stroke-width: 1; }
.barrier { stroke: var(--faint); stroke-width: 1; stroke-dasharray: 2 3; opacity: .7; }
.step { rx: 2px; }
.step, .phase { fill: var(--faint); }
rect.bar-fill { fill: var(--upload); }
.p-connect { fill: var(--connect); background: var(--connect); }
.p-lock { fill: var(--lock); background: var(--lock); }
.p-upload { fill: var(--upload); background: var(--upload); }
.p-link { fill: var(--link); background: var(--link); }
.p-build { fill: var(--build); background: var(--build); }
.p-publish { fill: var(--publish); background: var(--publish); }
.p-verify { fill: var(--verify); background: var(--verify); }
.p-prune { fill: var(--prune); background: var(--prune); }
.p-undo { fill: var(--undo); background: var(--undo); }
rect.bad { fill: var(--bad); }
rect.open { opacity: .45; }
.legend { color: var(--faint); font-size: 13px; }
.legend span { margin-right: 14px; white-space: nowrap; }
.legend i { display: inline-block; width: 11px; height: 11px; border-radius: 2px; vertical-align: -1px; }
.legend i.bad { background: var(--bad); }
@media print { body { max-width: none; padding: 0; } pre { max-height: none; } }
)css";
}

}  // namespace kirikae::ui

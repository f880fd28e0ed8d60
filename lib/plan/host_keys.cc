#include "plan/host_keys.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "core/fold.h"
#include "plan/preflight.h"

namespace kirikae::plan {
namespace {

using Object = nlohmann::ordered_json;

std::string key_text(const KeyName& key) {
  const std::string text = fmt::format("{} {}", key.type, key.fingerprint);
  return key.place.empty() ? text : fmt::format("{} ({})", text, key.place);
}

// The key that a host shows, and what is wrong with the certificate around it.
std::string key_text(const HostKeyView& view) {
  return key_text(view.key) + (view.certificate.empty() ? "" : fmt::format("; its certificate {}", view.certificate));
}

std::string others_text(const HostKeyView& view) {
  std::vector<std::string> texts;
  for (const KeyName& other : view.others) texts.push_back(key_text(other));
  return fmt::format("{}", fmt::join(texts, ", "));
}

std::string_view state_of(const HostKeyView& view) {
  const bool added = !view.file.empty();
  switch (view.state) {
    case KeyState::known:
      return "known";
    case KeyState::fresh:
      return added ? "added" : "new";
    case KeyState::changed:
      return added ? "replaced" : "changed";
    case KeyState::revoked:
      return "revoked";
  }
  return "";
}

Object key_object(const KeyName& key) {
  Object object = {{"type", key.type}, {"fingerprint", key.fingerprint}};
  if (!key.place.empty()) object["place"] = key.place;
  return object;
}

}  // namespace

std::string name_of(const HostKeyView& view) { return view.jump ? view.host + " (jump host)" : view.host; }

std::string text_of(const HostKeyView& view) {
  switch (view.state) {
    case KeyState::known:
      return "known: " + key_text(view.key);
    case KeyState::fresh:
      return view.file.empty() ? "new: " + key_text(view) : fmt::format("added to {}: {}", view.file, key_text(view.key));
    case KeyState::changed:
      if (!view.file.empty())
        return fmt::format("replaced in {}: {}, instead of {}", view.file, key_text(view.key), others_text(view));
      return fmt::format("HOST KEY HAS CHANGED: it shows {}, but known is {}", key_text(view), others_text(view));
    case KeyState::revoked:
      return "REVOKED: " + key_text(view.key);
  }
  return {};
}

std::string host_keys_text(const std::vector<HostKeyView>& views) {
  std::vector<Remark> remarks;
  for (const HostKeyView& view : views) remarks.push_back({name_of(view), text_of(view)});
  std::string text;
  for (const auto& [what, hosts] : folded(remarks)) text += fmt::format("{}: {}\n", fold_names(hosts), what);
  return text;
}

std::string host_keys_json(const std::vector<HostKeyView>& views) {
  Object hosts = Object::array();
  for (const HostKeyView& view : views) {
    Object object = {{"host", view.host}, {"jump", view.jump}, {"state", state_of(view)}, {"key", key_object(view.key)}};
    if (!view.file.empty()) object["file"] = view.file;
    if (!view.certificate.empty()) object["certificate"] = view.certificate;
    object["others"] = Object::array();
    for (const KeyName& other : view.others) object["others"].push_back(key_object(other));
    hosts.push_back(std::move(object));
  }
  const Object all = {{"hosts", std::move(hosts)}};
  return all.dump(-1, ' ', false, Object::error_handler_t::replace);
}

}  // namespace kirikae::plan

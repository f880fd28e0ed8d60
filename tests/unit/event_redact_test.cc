#include "event/redact.h"

#include "support/catch.h"

namespace kirikae::event {
namespace {

const std::string secret = "hunter22";

Redactor redactor() {
  Redactor knows;
  knows.add(secret);
  return knows;
}

Error error() {
  Error error(ErrorCode::remote, "m " + secret, "h " + secret);
  error.context = {"c " + secret};
  error.span = Span{secret, 1, 1, 1, "l " + secret};
  error.host = secret;
  return error;
}

bool clean(const std::string& text) { return text.find(secret) == std::string::npos && text.find("***") != std::string::npos; }

bool clean(const Error& error) {
  return clean(error.message) && clean(error.hint) && clean(error.context.at(0)) && clean(error.span->file) &&
         clean(error.span->source_line) && clean(error.host) && clean(to_text(error));
}

template <class What>
What redacted(What what) {
  Any any = std::move(what);
  redact(any, redactor());
  return std::get<What>(any);
}

}  // namespace

TEST_CASE("every text of every event is rid of secrets", "[event]") {
  const auto run = redacted(RunStarted{secret, secret, secret, {{secret, {secret}}}});
  CHECK((clean(run.application) && clean(run.stage)));
  CHECK((clean(run.hosts.at(0).name) && clean(run.hosts.at(0).roles.at(0))));
  const auto chosen = redacted(ReleaseChosen{secret, secret});
  CHECK((clean(chosen.release) && clean(chosen.revision)));
  CHECK(clean(redacted(PhaseStarted{Phase::build, {secret}}).hosts.at(0)));
  const auto state = redacted(HostState{secret, secret});
  CHECK((clean(state.host) && clean(state.text)));
  const auto started = redacted(StepStarted{secret, Phase::build, secret});
  CHECK((clean(started.host) && clean(started.step)));
  const auto finished = redacted(StepFinished{secret, Phase::build, secret, 0, error()});
  CHECK((clean(finished.host) && clean(finished.step) && clean(*finished.error)));
  const auto output = redacted(Output{secret, secret, Channel::out, "x" + secret});
  CHECK((clean(output.host) && clean(output.step) && output.line == "x***"));
  CHECK(clean(redacted(Progress{secret, 1, 2}).host));
  const auto answer = redacted(Answer{secret, "{\"x\":\"" + secret + "\"}"});
  CHECK((clean(answer.text) && answer.json == "{\"x\":\"***\"}"));
  const auto warning = redacted(Warning{secret, secret});
  CHECK((clean(warning.host) && clean(warning.text)));
}

TEST_CASE("a text that only ends as a secret begins is no secret, but where it was cut", "[event]") {
  CHECK(redacted(RunStarted{"deploy", "hunter2", "hunter", {}}).application == "hunter2");
  CHECK(redacted(Output{"web1", "task build", Channel::out, "by hunter2"}).line == "by hunter2");
  Error cut(ErrorCode::local, "the command ended with status 1: hunter2");
  redact(cut, redactor(), Redactor::End::cut);
  CHECK(cut.message == "the command ended with status 1: ***");
}

TEST_CASE("every text of a report is rid of secrets", "[event]") {
  Report report;
  report.verb = report.application = report.stage = report.release = secret;
  HostReport host;
  host.host = host.live_before = host.live_after = secret;
  host.error = error();
  report.hosts = {host};
  report.errors = {error()};
  report.advice = {secret};
  const Report told = redacted(RunFinished{report}).report;
  CHECK((clean(told.application) && clean(told.stage) && clean(told.release)));
  CHECK((clean(told.hosts.at(0).host) && clean(told.hosts.at(0).live_before) && clean(told.hosts.at(0).live_after)));
  CHECK((clean(*told.hosts.at(0).error) && clean(told.errors.at(0)) && clean(told.advice.at(0))));
}

}  // namespace kirikae::event

#include "event/redact.h"

namespace kirikae::event {
namespace {

// A kind of event that isn't named here doesn't compile.
class Cleaner {
 public:
  explicit Cleaner(const Redactor& redactor) : redactor_(redactor) {}

  void text(std::string& text) const { text = redactor_.redact(text); }
  void texts(std::vector<std::string>& all) const {
    for (std::string& each : all) text(each);
  }
  void error(Error& error) const {
    text(error.message);
    texts(error.context);
    text(error.hint);
    text(error.host);
    if (!error.span) return;
    text(error.span->file);
    text(error.span->source_line);
  }
  void error(std::optional<Error>& perhaps) const {
    if (perhaps) error(*perhaps);
  }
  void report(Report& report) const {
    for (std::string* each : {&report.application, &report.stage, &report.release}) text(*each);
    for (HostReport& host : report.hosts) {
      for (std::string* each : {&host.host, &host.live_before, &host.live_after}) text(*each);
      error(host.error);
    }
    for (Error& each : report.errors) error(each);
    texts(report.advice);
  }

  void operator()(RunStarted& e) const {
    for (std::string* each : {&e.application, &e.stage}) text(*each);  // the verb is a word of ours
    for (HostInfo& host : e.hosts) {
      text(host.name);
      texts(host.roles);
    }
  }
  void operator()(ReleaseChosen& e) const {
    text(e.release);
    text(e.revision);
  }
  void operator()(PhaseStarted& e) const { texts(e.hosts); }
  void operator()(PhaseFinished&) const {}
  void operator()(HostState& e) const {
    text(e.host);
    text(e.text);
  }
  void operator()(StepStarted& e) const {
    text(e.host);
    text(e.step);
  }
  void operator()(StepFinished& e) const {
    text(e.host);
    text(e.step);
    error(e.error);
  }
  void operator()(Output& e) const {
    text(e.host);
    text(e.step);
    text(e.line);
  }
  void operator()(Omitted& e) const {
    text(e.host);
    text(e.step);
  }
  void operator()(Progress& e) const { text(e.host); }
  void operator()(Warning& e) const {
    text(e.host);
    text(e.text);
  }
  void operator()(Answer& e) const {
    text(e.text);
    text(e.json);
  }
  void operator()(RunFinished& e) const { report(e.report); }

 private:
  const Redactor& redactor_;
};

}  // namespace

void redact(Error& error, const Redactor& redactor, Redactor::End message) {
  error.message = redactor.redact(error.message, message);
  Cleaner(redactor).error(error);
}
void redact(Report& report, const Redactor& redactor) { Cleaner(redactor).report(report); }
void redact(Any& what, const Redactor& redactor) { std::visit(Cleaner(redactor), what); }

}  // namespace kirikae::event

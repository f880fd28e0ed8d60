// Service: what runs behind `current` on a host and those who use it: a real HTTP server (serve.py), and steady requests
// whose answers are looked at: is each one whole, and of one release only.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "support/farm.h"

namespace kirikae::test {

class Service {
 public:
  // Serves once the host has a release; the requests begin at once.
  explicit Service(const FarmHost& host);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // The release that a request was answered from which began after this call. Empty: none was answered in a minute.
  [[nodiscard]] std::string answers_from() const;
  // The releases that answered, each time another one; and what was wrong with answers, the first ten of them.
  [[nodiscard]] std::vector<std::string> seen() const;
  [[nodiscard]] std::vector<std::string> wrong() const;
  [[nodiscard]] int requests() const;

 private:
  void serve(const std::stop_token& stop);
  void use(const std::stop_token& stop);
  void request();

  std::string address_, tree_;
  mutable std::mutex mutex_;
  mutable std::condition_variable_any changed_;
  int port_ = 0;
  int requests_ = 0;
  std::vector<std::string> seen_, wrong_;
  std::jthread server_, user_;
};

}  // namespace kirikae::test

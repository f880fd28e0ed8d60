// SecretSet: the secrets of one run by name, and what keeps them out of everything that is shown or stored.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "core/redactor.h"
#include "core/secret.h"

namespace kirikae {

class SecretSet {
 public:
  // Precondition: Redactor::can_mask(value).
  void add(std::string name, Secret value) {
    redactor_.add(value.reveal());
    values_.insert_or_assign(std::move(name), std::move(value));
  }

  // A password of ours, which is none of commands and templates.
  void keep(std::string name, Secret value) {
    redactor_.add(value.reveal());
    kept_.insert_or_assign(std::move(name), std::move(value));
  }

  [[nodiscard]] const std::map<std::string, Secret>& values() const { return values_; }
  [[nodiscard]] const std::map<std::string, Secret>& kept() const { return kept_; }
  [[nodiscard]] const Redactor& redactor() const { return redactor_; }

 private:
  std::map<std::string, Secret> values_;
  std::map<std::string, Secret> kept_;
  Redactor redactor_;
};

}  // namespace kirikae

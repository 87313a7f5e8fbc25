// A configured secret: an API key, a password, a token.
//
// It has no formatter and no conversion to text, so it cannot reach a log line or a config dump by
// accident; whoever needs it says so with reveal(). In an environment variable its name may end in
// _FILE, and then the variable names the file that holds it.
#pragma once

#include <string>
#include <utility>

namespace raglan::config {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}

  const std::string& reveal() const { return text_; }
  bool empty() const { return text_.empty(); }

 private:
  std::string text_;
};

} // namespace raglan::config

#include "config/value.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/json_escape.h"

namespace raglan::config {
namespace {

struct ToText {
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(std::int64_t value) const { return fmt::to_string(value); }
  std::string operator()(double value) const { return fmt::to_string(value); }
  std::string operator()(const std::string& value) const { return toml_string(value); }
  std::string operator()(const std::vector<std::string>& value) const { return toml_string(value); }
  std::string operator()(const Text& value) const { return toml_string(value.text); }
  std::string operator()(const Other& value) const { return value.what; }
};

} // namespace

std::string to_text(const Value& value) { return std::visit(ToText{}, value); }

// JSON's escapes are a subset of TOML's.
std::string toml_string(std::string_view text) { return '"' + json_escape(text) + '"'; }

std::string toml_string(const std::vector<std::string>& texts) {
  std::vector<std::string> items;
  items.reserve(texts.size());
  for (const std::string& text : texts) items.push_back(toml_string(std::string_view(text)));
  return fmt::format("[{}]", fmt::join(items, ", "));
}

} // namespace raglan::config

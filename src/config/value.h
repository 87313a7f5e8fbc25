// One value of the configuration before it has a type: what a TOML file, an environment variable or
// a flag says. It keeps the parser's library out of every other file, and lets one codec per type
// read all three sources.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace raglan::config {

// Untyped text of an environment variable or a flag. In TOML "5" and 5 differ; here they cannot.
struct Text {
  std::string text;
};

// A TOML value that no field takes: a table, a date, a mixed array.
struct Other {
  std::string what; // "a table"
};

using Value =
    std::variant<bool, std::int64_t, double, std::string, std::vector<std::string>, Text, Other>;

// The value as an error message shows it: `true`, `5`, `"text"`, `["a", "b"]`, `a table`.
std::string to_text(const Value& value);

// The text as a TOML basic string, quotes included.
std::string toml_string(std::string_view text);

// The texts as a TOML array.
std::string toml_string(const std::vector<std::string>& texts);

} // namespace raglan::config

// A TOML file as a flat list of dotted keys. The only file that sees the parser's library is the
// .cpp.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "config/value.h"

namespace raglan::config {

struct TomlEntry {
  std::string key; // dotted: "cache.query.ttl"
  Value value;     // Other for a table
  int line = 0;    // counted from 1
  bool is_table = false;
};

struct TomlError {
  std::string message;
  int line = 0;
};

// Every table and every value, a table before what it holds. The tables of an array are named by
// their places: [[a.b]] is a.b.0, then a.b.1. A syntax error ends the reading: what
// follows it cannot be trusted.
std::expected<std::vector<TomlEntry>, TomlError> read_toml(std::string_view text);

} // namespace raglan::config

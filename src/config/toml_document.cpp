#include "config/toml_document.h"

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

namespace raglan::config {
namespace {

Value list_value(const toml::array& array) {
  std::vector<std::string> texts;
  for (const toml::node& item : array) {
    const auto text = item.value_exact<std::string>();
    if (!text) return Other{item.is_table() ? "an array of tables" : "an array not of strings"};
    texts.push_back(*text);
  }
  return texts;
}

Value node_value(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::boolean: return **node.as_boolean();
    case toml::node_type::integer: return **node.as_integer();
    case toml::node_type::floating_point: return **node.as_floating_point();
    case toml::node_type::string: return **node.as_string();
    case toml::node_type::array: return list_value(*node.as_array());
    case toml::node_type::table: return Other{"a table"};
    default: return Other{"a date or time"};
  }
}

// A key that TOML would have to quote stays quoted, so that "a.b" cannot pass for a.b.
std::string key_text(std::string_view key) {
  constexpr std::string_view kBare =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
  const bool bare = !key.empty() && key.find_first_not_of(kBare) == std::string_view::npos;
  return bare ? std::string(key) : toml_string(key);
}

void flatten(const toml::table& table, const std::string& prefix, std::vector<TomlEntry>& out) {
  for (const auto& [key, node] : table) {
    TomlEntry entry{.key = prefix + key_text(key.str()),
                    .value = node_value(node),
                    .line = static_cast<int>(key.source().begin.line),
                    .is_table = node.is_table()};
    const std::string inner = entry.key + '.';
    out.push_back(std::move(entry));
    if (const toml::table* below = node.as_table()) flatten(*below, inner, out);
  }
}

} // namespace

std::expected<std::vector<TomlEntry>, TomlError> read_toml(std::string_view text) {
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return std::unexpected(
        TomlError{std::string(error.description()), static_cast<int>(error.source().begin.line)});
  }
  std::vector<TomlEntry> entries;
  flatten(parsed.table(), "", entries);
  return entries;
}

} // namespace raglan::config

#include "config/codec.h"

#include <cmath>
#include <sstream>

namespace raglan::config {
namespace detail {
namespace {

std::unexpected<std::string> not_a(std::string_view type) {
  return std::unexpected(fmt::format("is not {}", type));
}

// The text of a TOML string or of a variable or flag; null for every other value.
const std::string* text_of(const Value& value) {
  if (const auto* text = std::get_if<Text>(&value)) return &text->text;
  return std::get_if<std::string>(&value);
}

} // namespace

Parsed<bool> read_bool(const Value& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag;
  if (const auto* text = std::get_if<Text>(&value)) {
    if (text->text == "true") return true;
    if (text->text == "false") return false;
  }
  return not_a("true or false");
}

Parsed<std::int64_t> read_integer(const Value& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) return *number;
  if (const auto* text = std::get_if<Text>(&value)) return parse_integer(text->text);
  return not_a("a whole number");
}

Parsed<double> read_number(const Value& value) {
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<double>(*whole);
  if (const auto* text = std::get_if<Text>(&value)) return parse_number(text->text);
  const auto* number = std::get_if<double>(&value);
  if (number == nullptr || !std::isfinite(*number)) return not_a("a number");
  return *number;
}

Parsed<std::string> read_string(const Value& value) {
  if (const std::string* text = text_of(value)) return *text;
  return not_a("a string");
}

Parsed<std::vector<std::string>> read_strings(const Value& value) {
  if (const auto* list = std::get_if<std::vector<std::string>>(&value)) return *list;
  const auto* text = std::get_if<Text>(&value);
  if (text == nullptr) return not_a("a list of strings");
  // A variable or a flag separates by commas; a value with a comma in it belongs in the file.
  std::vector<std::string> items;
  std::string_view rest = text->text;
  while (!trimmed(rest).empty()) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    items.emplace_back(trimmed(rest.substr(0, comma)));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return items;
}

Parsed<std::chrono::nanoseconds> read_duration(const Value& value) {
  if (const std::string* text = text_of(value)) return parse_duration(*text);
  if (std::holds_alternative<std::int64_t>(value) || std::holds_alternative<double>(value)) {
    return parse_duration(to_text(value)); // fails: the unit is missing
  }
  return not_a(R"(a duration: write a string such as "30s")");
}

Parsed<std::uint64_t> read_bytes(const Value& value) {
  if (const std::string* text = text_of(value)) return parse_bytes(*text);
  const auto* number = std::get_if<std::int64_t>(&value);
  if (number == nullptr || *number < 0) {
    return not_a(R"(a number of bytes: write a whole number, or a string such as "64MB")");
  }
  return static_cast<std::uint64_t>(*number);
}

Parsed<double> read_ratio(const Value& value) {
  if (const std::string* text = text_of(value)) return parse_ratio(*text);
  const auto percent = read_number(value);
  if (!percent) return not_a(R"(a percentage: write it as 70 or "70%")");
  return ratio_of_percent(*percent);
}

} // namespace detail

Codec<bool> bool_codec() {
  return {"boolean", detail::read_bool, [](const bool& value) { return value ? "true" : "false"; }};
}

Codec<double> number_codec() {
  return {"number", detail::read_number, [](const double& value) { return fmt::to_string(value); }};
}

Codec<double> ratio_codec() {
  return {"percentage", detail::read_ratio,
          [](const double& value) { return toml_string(print_ratio(value)); }};
}

Codec<std::string> string_codec() {
  return {"string", detail::read_string,
          [](const std::string& value) { return toml_string(value); }};
}

Codec<std::vector<std::string>> strings_codec() {
  return {"list of strings", detail::read_strings,
          [](const std::vector<std::string>& value) { return toml_string(value); }};
}

Codec<Secret> secret_codec() {
  return {"secret",
          [](const Value& value) -> Parsed<Secret> {
            auto text = detail::read_string(value);
            if (!text) return std::unexpected(std::move(text.error()));
            return Secret(*std::move(text));
          },
          [](const Secret& value) { return value.empty() ? "\"\"" : "\"(redacted)\""; }};
}

Codec<std::vector<Secret>> secrets_codec() {
  auto parse = [](const Value& value) -> Parsed<std::vector<Secret>> {
    std::vector<Secret> secrets;
    if (const auto* text = std::get_if<Text>(&value)) {
      std::istringstream words(text->text);
      for (std::string word; words >> word;) secrets.emplace_back(std::move(word));
      return secrets;
    }
    auto texts = detail::read_strings(value);
    if (!texts) return std::unexpected(std::move(texts.error()));
    for (std::string& text : *texts) secrets.emplace_back(std::move(text));
    return secrets;
  };
  auto print = [](const std::vector<Secret>& secrets) {
    return toml_string(std::vector<std::string>(secrets.size(), "(redacted)"));
  };
  return {"list of secrets", parse, print};
}

} // namespace raglan::config

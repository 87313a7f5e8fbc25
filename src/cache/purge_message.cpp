#include "cache/purge_message.h"

#include <fmt/format.h>

#include <charconv>

namespace raglan::cache {
namespace {

constexpr std::string_view kAny = "*";
constexpr std::string_view kAnyCollection = "????????";

// `Number` in as many hexadecimal digits as it has.
template <typename Number>
std::optional<Number> parse_hex(std::string_view text) {
  Number number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number, 16);
  if (error != std::errc() || stop != end || text.size() != 2 * sizeof number) return std::nullopt;
  return number;
}

std::string scope_text(const Selection& selection) {
  if (selection.scope) return fmt::format("{:016x}", *selection.scope);
  if (selection.tenant) return fmt::format("{:08x}{}", *selection.tenant, kAnyCollection);
  return std::string(kAny);
}

} // namespace

std::string selection_text(const Selection& selection) {
  const std::string key = selection.key ? selection.key->hex() : std::string(kAny);
  return fmt::format("{}:{}", scope_text(selection), key);
}

std::string purge_text(const PurgeMessage& message) {
  return fmt::format("{}:{}", message.cache, selection_text(message.selection));
}

std::optional<PurgeMessage> parse_purge(std::string_view text) {
  const auto first = text.find(':');
  const auto second = text.find(':', first + 1);
  if (first == text.npos || second == text.npos) return std::nullopt;
  PurgeMessage message{std::string(text.substr(0, first)), {}};
  const std::string_view scope = text.substr(first + 1, second - first - 1);
  const std::string_view key = text.substr(second + 1);
  if (scope.ends_with(kAnyCollection)) {
    message.selection.tenant =
        parse_hex<std::uint32_t>(scope.substr(0, scope.size() - kAnyCollection.size()));
    if (!message.selection.tenant) return std::nullopt;
  } else if (scope != kAny) {
    message.selection.scope = parse_hex<Scope>(scope);
    if (!message.selection.scope) return std::nullopt;
  }
  if (key != kAny) {
    message.selection.key = Hash128::from_hex(key);
    if (!message.selection.key) return std::nullopt;
  }
  return message;
}

} // namespace raglan::cache

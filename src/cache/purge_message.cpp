#include "cache/purge_message.h"

#include <fmt/format.h>

#include <charconv>

namespace raglan::cache {
namespace {

constexpr std::string_view kAny = "*";

} // namespace

std::string selection_text(const Selection& selection) {
  const std::string scope = selection.scope ? fmt::format("{:016x}", *selection.scope) : "*";
  return fmt::format("{}:{}", scope, selection.key ? selection.key->hex() : std::string(kAny));
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
  if (scope != kAny) {
    std::uint64_t number = 0;
    const char* end = scope.data() + scope.size();
    const auto [stop, error] = std::from_chars(scope.data(), end, number, 16);
    if (error != std::errc() || stop != end) return std::nullopt;
    message.selection.scope = number;
  }
  if (key != kAny) {
    message.selection.key = Hash128::from_hex(key);
    if (!message.selection.key) return std::nullopt;
  }
  return message;
}

} // namespace raglan::cache

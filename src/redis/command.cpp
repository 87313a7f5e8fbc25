#include "redis/command.h"

#include <algorithm>
#include <array>

namespace raglan::redis {
namespace {

// XREAD and XREADGROUP block only when told to, which their names do not say.
constexpr auto kNotShareable = std::to_array<std::string_view>(
    {"ASKING",       "AUTH",      "BLMOVE",       "BLMPOP",    "BLPOP",       "BRPOP",
     "BRPOPLPUSH",   "BZMPOP",    "BZPOPMAX",     "BZPOPMIN",  "CLIENT",      "DISCARD",
     "EXEC",         "HELLO",     "MONITOR",      "MULTI",     "PSUBSCRIBE",  "PSYNC",
     "PUNSUBSCRIBE", "QUIT",      "READONLY",     "READWRITE", "RESET",       "SELECT",
     "SSUBSCRIBE",   "SUBSCRIBE", "SUNSUBSCRIBE", "SYNC",      "UNSUBSCRIBE", "UNWATCH",
     "WAIT",         "WAITAOF",   "WATCH"});
static_assert(std::ranges::is_sorted(kNotShareable));

constexpr std::size_t kLongestName = 16;

} // namespace

bool Command::is_shareable(std::string_view name) {
  if (name.size() > kLongestName) return true;
  std::array<char, kLongestName> upper{};
  std::ranges::transform(name, upper.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return !std::ranges::binary_search(kNotShareable, std::string_view(upper.data(), name.size()));
}

Command& Command::add(std::string_view argument) {
  const fmt::format_int length(argument.size());
  arguments_.reserve(arguments_.size() + argument.size() + length.size() + 5);
  arguments_ += '$';
  arguments_.append(length.data(), length.size());
  arguments_ += "\r\n";
  arguments_ += argument;
  arguments_ += "\r\n";
  ++count_;
  return *this;
}

void Command::append_to(std::string& wire) const {
  const fmt::format_int count(count_);
  wire += '*';
  wire.append(count.data(), count.size());
  wire += "\r\n";
  wire += arguments_;
}

} // namespace raglan::redis

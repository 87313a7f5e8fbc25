#include "redis/command_table.h"

#include <algorithm>
#include <array>

namespace raglan::redis {
namespace {

using Keys = CommandTraits::Keys;

struct Row {
  std::string_view name;
  CommandTraits traits;
};

constexpr CommandTraits kAlone{.shareable = false};
constexpr CommandTraits kNoKey{.keys = Keys::kNone};
constexpr CommandTraits kSecond{.position = 2};
constexpr CommandTraits kCountFirst{.keys = Keys::kCounted, .position = 1};
constexpr CommandTraits kCountSecond{.keys = Keys::kCounted, .position = 2};
constexpr CommandTraits kStreams{.keys = Keys::kStreams};

// XREAD and XREADGROUP block only when told to, which their names do not say.
constexpr auto kRows = std::to_array<Row>({
    {"ACL", kNoKey},
    {"ASKING", kAlone},
    {"AUTH", kAlone},
    {"BGREWRITEAOF", kNoKey},
    {"BGSAVE", kNoKey},
    {"BITOP", kSecond},
    {"BLMOVE", kAlone},
    {"BLMPOP", kAlone},
    {"BLPOP", kAlone},
    {"BRPOP", kAlone},
    {"BRPOPLPUSH", kAlone},
    {"BZMPOP", kAlone},
    {"BZPOPMAX", kAlone},
    {"BZPOPMIN", kAlone},
    {"CLIENT", kAlone},
    {"CLUSTER", kNoKey},
    {"COMMAND", kNoKey},
    {"CONFIG", kNoKey},
    {"DBSIZE", kNoKey},
    {"DEBUG", kNoKey},
    {"DISCARD", kAlone},
    {"ECHO", kNoKey},
    {"EVAL", kCountSecond},
    {"EVALSHA", kCountSecond},
    {"EVALSHA_RO", kCountSecond},
    {"EVAL_RO", kCountSecond},
    {"EXEC", kAlone},
    {"FAILOVER", kNoKey},
    {"FCALL", kCountSecond},
    {"FCALL_RO", kCountSecond},
    {"FLUSHALL", kNoKey},
    {"FLUSHDB", kNoKey},
    {"FUNCTION", kNoKey},
    {"HELLO", kAlone},
    {"INFO", kNoKey},
    {"KEYS", kNoKey},
    {"LASTSAVE", kNoKey},
    {"LATENCY", kNoKey},
    {"LMPOP", kCountFirst},
    {"LOLWUT", kNoKey},
    {"MEMORY", kSecond},
    {"MODULE", kNoKey},
    {"MONITOR", kAlone},
    {"MULTI", kAlone},
    {"OBJECT", kSecond},
    {"PING", kNoKey},
    {"PSUBSCRIBE", kAlone},
    {"PSYNC", kAlone},
    {"PUBSUB", kNoKey},
    {"PUNSUBSCRIBE", kAlone},
    {"QUIT", kAlone},
    {"RANDOMKEY", kNoKey},
    {"READONLY", kAlone},
    {"READWRITE", kAlone},
    {"REPLICAOF", kNoKey},
    {"RESET", kAlone},
    {"ROLE", kNoKey},
    {"SAVE", kNoKey},
    {"SCAN", kNoKey},
    {"SCRIPT", kNoKey},
    {"SELECT", kAlone},
    {"SHUTDOWN", kNoKey},
    {"SINTERCARD", kCountFirst},
    {"SLAVEOF", kNoKey},
    {"SLOWLOG", kNoKey},
    {"SSUBSCRIBE", kAlone},
    {"SUBSCRIBE", kAlone},
    {"SUNSUBSCRIBE", kAlone},
    {"SWAPDB", kNoKey},
    {"SYNC", kAlone},
    {"TIME", kNoKey},
    {"UNSUBSCRIBE", kAlone},
    {"UNWATCH", kAlone},
    {"WAIT", kAlone},
    {"WAITAOF", kAlone},
    {"WATCH", kAlone},
    {"XGROUP", kSecond},
    {"XINFO", kSecond},
    {"XREAD", kStreams},
    {"XREADGROUP", kStreams},
    {"ZDIFF", kCountFirst},
    {"ZINTER", kCountFirst},
    {"ZINTERCARD", kCountFirst},
    {"ZMPOP", kCountFirst},
    {"ZUNION", kCountFirst},
});
static_assert(std::ranges::is_sorted(kRows, {}, &Row::name));

constexpr std::size_t kLongestName = 16;

} // namespace

CommandTraits traits_of(std::string_view command) {
  if (command.size() > kLongestName) return {};
  std::array<char, kLongestName> upper{};
  std::ranges::transform(command, upper.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  const std::string_view name(upper.data(), command.size());
  const auto* const row = std::ranges::lower_bound(kRows, name, {}, &Row::name);
  return row != kRows.end() && row->name == name ? row->traits : CommandTraits();
}

} // namespace raglan::redis

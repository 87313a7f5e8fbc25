#include "cache/shared_tier.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cache/purge_message.h"
#include "redis/lease.h"

namespace raglan::cache {
namespace {

constexpr std::int64_t kScanCount = 1000; // keys that Redis looks at in one step

std::int64_t milliseconds(Duration duration) {
  return std::max<std::int64_t>(
      1, std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

} // namespace

std::string SharedTier::entry_name(const Hash128& key, std::uint64_t scope) const {
  return fmt::format("raglan:{}:{}", config_.name, selection_text({.key = key, .scope = scope}));
}

std::string SharedTier::claim_name(const Hash128& key, std::uint64_t scope) const {
  return fmt::format("raglan:claim:{}:{:016x}:{}", config_.name, scope, key.hex());
}

std::optional<SharedEntry> SharedTier::read(const Hash128& key, const redis::Reply& reply) {
  const auto bytes = reply.string();
  auto entry = bytes ? decode_entry(key, *bytes) : std::nullopt;
  ++(entry ? hits_ : misses_);
  return entry;
}

net::Task<std::optional<SharedEntry>> SharedTier::find(Hash128 key, std::uint64_t scope,
                                                       Deadline deadline) {
  redis::Command get("GET", entry_name(key, scope));
  auto reply = co_await client_.command(std::move(get), deadline);
  if (!reply) {
    ++failures_;
    co_return std::nullopt;
  }
  co_return read(key, *reply);
}

net::Task<SharedLookup> SharedTier::find_or_claim(Hash128 key, std::uint64_t scope,
                                                  std::string token, Deadline deadline) {
  // The claim before the look: whoever gets a claim that another has just released sees the entry
  // that came before the release.
  std::vector<redis::Command> commands;
  commands.emplace_back("SET", claim_name(key, scope), token, "NX", "PX",
                        milliseconds(config_.claim_time));
  commands.emplace_back("GET", entry_name(key, scope));
  auto replies = co_await client_.pipeline(std::move(commands), deadline);
  SharedLookup found;
  if (!replies || (*replies)[0].is_error() || (*replies)[1].is_error()) {
    ++failures_;
    co_return found;
  }
  found.entry = read(key, (*replies)[1]);
  found.claim = (*replies)[0].is_ok() ? SharedLookup::Claim::kMine : SharedLookup::Claim::kOthers;
  co_return found;
}

net::Task<void> SharedTier::put_and_release(Hash128 key, std::uint64_t scope,
                                            std::optional<SharedEntry> entry, std::string token) {
  std::vector<redis::Command> commands;
  if (entry) {
    redis::Command& set =
        commands.emplace_back("SET", entry_name(key, scope), encode_entry(key, *entry));
    if (config_.keep != Duration::zero()) set.add("PX").add(milliseconds(config_.keep));
  }
  if (!token.empty())
    commands.emplace_back("EVAL", redis::Lease::kReleaseScript, 1, claim_name(key, scope), token);
  auto replies = co_await client_.pipeline(std::move(commands), Deadline());
  if (!replies) ++failures_;
}

net::Task<Result<std::size_t>> SharedTier::purge(Selection selection, Deadline deadline) {
  const std::string pattern = fmt::format("raglan:{}:{}", config_.name, selection_text(selection));
  std::size_t erased = 0;
  std::string cursor = "0";
  do {
    redis::Command scan("SCAN", cursor, "MATCH", pattern, "COUNT", kScanCount);
    auto step = co_await client_.command(std::move(scan), deadline);
    if (!step) co_return forward_error(step);
    if (step->elements.size() != 2) co_return fail(ErrorCode::kUpstream, "not an answer to SCAN");
    cursor = step->elements[0].text;
    const redis::Replies& names = step->elements[1].elements;
    if (names.empty()) continue;
    redis::Command unlink("UNLINK");
    for (const redis::Reply& name : names) unlink.add(name.text);
    auto gone = co_await client_.command(std::move(unlink), deadline);
    if (!gone) co_return forward_error(gone);
    erased += static_cast<std::size_t>(gone->integer);
  } while (cursor != "0");
  redis::Command publish("PUBLISH", kPurgeChannel, purge_text({config_.name, selection}));
  if (auto told = co_await client_.command(std::move(publish), deadline); !told) {
    co_return forward_error(told);
  }
  co_return erased;
}

} // namespace raglan::cache

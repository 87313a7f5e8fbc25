#include "cache/shared_tier.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/rng.h"
#include "cache/purge_message.h"
#include "net/pause.h"
#include "redis/lease.h"
#include "redis/scan.h"

namespace raglan::cache {
namespace {

constexpr std::string_view kBackground = ":background"; // ends a claim's name, begins its token

std::int64_t milliseconds(Duration duration) {
  return std::max<std::int64_t>(
      1, std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

// Whether Redis may have carried out the commands, or still may. Of the other errors nothing was
// sent.
bool may_have_been_sent(ErrorCode code) {
  return code == ErrorCode::kDeadlineExceeded || code == ErrorCode::kUpstream ||
         code == ErrorCode::kClientClosed;
}

// Publishes ARGV[2] on ARGV[1] with the number before it and its own, which KEYS[1] counts from
// ARGV[3] on (cache/purge_follower.h).
const redis::Script& tell_script() {
  static const redis::Script script(
      "local before = redis.call('GET', KEYS[1])\n"
      "if not before then redis.call('SET', KEYS[1], ARGV[3]) end\n"
      "redis.call('INCR', KEYS[1])\n"
      "local now = redis.call('GET', KEYS[1])\n"
      "return redis.call('PUBLISH', ARGV[1], (before or '0') .. ' ' .. now .. ' ' .. ARGV[2])");
  return script;
}

// Whether the server that counts is there and cannot write: its memory or its disk is full. (Before
// version 7 what a script is refused is an ERR.) It can publish all the same; one that is no master
// reaches nobody.
bool cannot_count(const redis::Reply& refusal) {
  const auto word = refusal.error_word();
  return word == "OOM" || word == "MISCONF" || word == "ERR";
}

// Where a count begins.
std::string random_count() {
  constexpr std::uint64_t kBelow = std::uint64_t{1} << 60; // far from where INCR overflows
  return std::to_string(random_seed() % kBelow);
}

} // namespace

// The key is the hash tag of all names that it is in: a cluster keeps the entry and its claims on
// one server, which takes what is said of them in the order in which it is said.
std::string SharedTier::entry_names(const Selection& selection) const {
  std::string selected = selection_text({.scope = selection.scope, .tenant = selection.tenant});
  if (selection.key) {
    selected.pop_back(); // the asterisk
    selected += fmt::format("{{{}}}", selection.key->hex());
  }
  return client_.name(fmt::format("{}:{}", config_.name, selected));
}

std::string SharedTier::entry_name(const Hash128& key, std::uint64_t scope) const {
  return entry_names({.key = key, .scope = scope});
}

std::string SharedTier::claim_name(const Hash128& key, std::uint64_t scope,
                                   std::string_view token) const {
  return client_.name(fmt::format("claim:{}:{:016x}:{{{}}}{}", config_.name, scope, key.hex(),
                                  token.starts_with(kBackground) ? kBackground : ""));
}

std::string SharedTier::make_token(bool background) {
  return std::string(background ? kBackground : "") + redis::Lease::make_token();
}

void SharedTier::read(const Hash128& key, const redis::Reply& left, const redis::Reply& value,
                      SharedLookup& into) const {
  constexpr std::int64_t kNoKey = -2;
  into.answered = !left.is_error() && !value.is_error();
  const auto bytes = value.string();
  into.entry = bytes ? decode_entry(key, *bytes) : std::nullopt;
  if (!into.entry) return;
  const bool expires = into.entry->keep > Duration::zero();
  if (expires && left.integer >= 0) {
    into.age = into.entry->keep - std::chrono::milliseconds(left.integer);
  } else if (left.integer != kNoKey) {
    into.age = client_.clock().wall_now() - into.entry->stored;
  } // else it came between the two commands
  into.age = std::max(into.age, Duration::zero());
}

void SharedTier::count(const SharedLookup& looked, bool found) {
  if (!looked.answered) return;
  ++(found ? hits_ : misses_);
  if (!found) return;
  saved_ += looked.entry->cost.count();
  saved_calls_ += looked.entry->calls;
  age_ += looked.age.count();
}

SharedTierStats SharedTier::stats() const {
  return {.hits = hits_,
          .misses = misses_,
          .failures = failures_,
          .refused = refused_,
          .refused_bytes = refused_bytes_,
          .saved = Duration(saved_),
          .saved_calls = saved_calls_,
          .age = Duration(age_)};
}

void SharedTier::note_failure(const Error& error, Deadline deadline) {
  if (error.code == ErrorCode::kClientClosed) return;
  const bool late = error.code == ErrorCode::kDeadlineExceeded;
  if (late && deadline.expired(client_.clock().now())) return;
  ++failures_;
}

net::Task<SharedLookup> SharedTier::find(Hash128 key, std::uint64_t scope, Deadline deadline) {
  std::vector<redis::Command> commands;
  commands.emplace_back("PTTL", entry_name(key, scope));
  commands.emplace_back("GET", entry_name(key, scope));
  auto replies = co_await client_.pipeline(std::move(commands), deadline);
  SharedLookup found;
  if (!replies) {
    note_failure(replies.error(), deadline);
    co_return found;
  }
  read(key, (*replies)[0], (*replies)[1], found);
  if (!found.answered) ++failures_;
  co_return found;
}

net::Task<SharedLookup> SharedTier::find_or_claim(Hash128 key, std::uint64_t scope,
                                                  std::string token, Deadline deadline) {
  // The claim before the look: whoever gets a claim that another has just released sees the entry
  // that came before the release. And how long the entry has left before the entry: one that comes
  // in between may seem older than it is, and none younger.
  std::vector<redis::Command> commands;
  commands.push_back(
      redis::Lease::acquire_command(claim_name(key, scope, token), token, config_.claim_time));
  commands.emplace_back("PTTL", entry_name(key, scope));
  commands.emplace_back("GET", entry_name(key, scope));
  auto replies = co_await client_.pipeline(std::move(commands), deadline);
  SharedLookup found;
  if (!replies) {
    found.may_be_claimed = may_have_been_sent(replies.error().code);
    note_failure(replies.error(), deadline);
    co_return found;
  }
  const redis::Reply& claimed = replies->front();
  read(key, (*replies)[1], (*replies)[2], found);
  if (claimed.is_error() || !found.answered) ++failures_; // no memory for a claim, for instance
  found.may_be_claimed = claimed.is_ok() || (claimed.ours && may_have_been_sent(*claimed.ours));
  if (claimed.is_ok()) found.claim = SharedLookup::Claim::kMine;
  if (claimed.is_nil() && found.answered) found.claim = SharedLookup::Claim::kOthers;
  co_return found;
}

net::Task<void> SharedTier::put_and_release(Hash128 key, std::uint64_t scope, SharedEntry entry,
                                            std::string token) {
  std::vector<redis::Command> commands;
  commands.push_back(put_command(key, scope, std::move(entry)));
  const std::size_t size_bytes = commands.front().size_bytes();
  if (!token.empty()) {
    commands.push_back(
        redis::Lease::release_script().by_name({claim_name(key, scope, token)}, {token}));
  }
  auto replies = co_await client_.pipeline(std::move(commands), Deadline());
  if (!replies && replies.error().code == ErrorCode::kTooLarge) {
    ++refused_;
    refused_bytes_ += size_bytes;
    co_return co_await release(key, scope, token);
  }
  if (!replies) {
    note_failure(replies.error(), Deadline());
    co_return co_await release_later(claim_name(key, scope, token), token);
  }
  if (replies->front().is_error()) ++failures_; // no memory, read only, …
  if (token.empty() || !replies->back().is_error()) co_return;
  co_await release(key, scope, token); // by the script's text
}

redis::Command SharedTier::put_command(const Hash128& key, std::uint64_t scope, SharedEntry entry) {
  entry.keep = config_.keep;
  redis::Command set("SET", entry_name(key, scope), encode_entry(key, entry));
  if (config_.keep != Duration::zero()) set.add("PX").add(milliseconds(config_.keep));
  return set;
}

net::Task<std::vector<SharedLookup>> SharedTier::find_many(std::vector<Hash128> keys,
                                                           std::uint64_t scope, Deadline deadline) {
  std::vector<SharedLookup> found(keys.size());
  for (std::size_t begin = 0; begin < keys.size(); begin += kKeysAtOnce) {
    const std::size_t end = std::min(begin + kKeysAtOnce, keys.size());
    std::vector<redis::Command> commands;
    for (std::size_t i = begin; i < end; ++i) {
      const std::string name = entry_name(keys[i], scope);
      commands.emplace_back("PTTL", name);
      commands.emplace_back("GET", name);
    }
    auto replies = co_await client_.pipeline(std::move(commands), deadline);
    if (!replies) {
      note_failure(replies.error(), deadline);
      break;
    }
    for (std::size_t i = begin; i < end; ++i) {
      const std::size_t first = 2 * (i - begin);
      read(keys[i], (*replies)[first], (*replies)[first + 1], found[i]);
      if (!found[i].answered) ++failures_;
    }
  }
  co_return found;
}

net::Task<void> SharedTier::put_many(std::uint64_t scope, std::vector<Put> puts) {
  const std::span all(puts);
  for (std::size_t begin = 0; begin < all.size(); begin += kKeysAtOnce) {
    const std::size_t count = std::min(kKeysAtOnce, all.size() - begin);
    if (!co_await put_some(scope, all.subspan(begin, count))) co_return;
  }
}

net::Task<bool> SharedTier::put_some(std::uint64_t scope, std::span<Put> puts) {
  std::vector<redis::Command> commands;
  std::size_t size_bytes = 0;
  for (const Put& put : puts) {
    commands.push_back(put_command(put.key, scope, put.entry));
    size_bytes += commands.back().size_bytes();
  }
  auto replies = co_await client_.pipeline(std::move(commands), Deadline());
  if (!replies && replies.error().code == ErrorCode::kTooLarge) {
    if (puts.size() > 1) {
      const std::size_t half = puts.size() / 2;
      if (!co_await put_some(scope, puts.first(half))) co_return false;
      co_return co_await put_some(scope, puts.subspan(half));
    }
    ++refused_;
    refused_bytes_ += size_bytes;
    co_return true;
  }
  if (!replies) note_failure(replies.error(), Deadline());
  if (replies) failures_ += std::ranges::count_if(*replies, &redis::Reply::is_error);
  co_return replies.has_value();
}

net::Task<void> SharedTier::release(Hash128 key, std::uint64_t scope, std::string token) {
  if (token.empty()) co_return;
  const std::string claim = claim_name(key, scope, token);
  if (!co_await try_release(claim, token)) co_await release_later(claim, token);
}

net::Task<bool> SharedTier::try_release(std::string claim, std::string token) {
  std::vector<std::string> keys{std::move(claim)};
  std::vector<std::string> arguments{std::move(token)};
  auto reply = co_await redis::Lease::release_script().run(client_, std::move(keys),
                                                           std::move(arguments), Deadline());
  if (!reply) note_failure(reply.error(), Deadline());
  co_return reply.has_value();
}

net::Task<void> SharedTier::release_later(std::string claim, std::string token) {
  if (token.empty()) co_return;
  if (++releases_later_ <= kMaxReleasesLater) {
    const auto waited = co_await net::pause(kReleaseAgain);
    if (waited) co_await try_release(std::move(claim), std::move(token));
  }
  --releases_later_;
}

net::Task<void> SharedTier::keep_claimed(Hash128 key, std::uint64_t scope, std::string token,
                                         std::weak_ptr<const void> holder) {
  const std::vector<std::string> keys{claim_name(key, scope, token)};
  const std::vector<std::string> arguments{std::move(token),
                                           std::to_string(config_.claim_time.count())};
  while (co_await net::pause(config_.claim_time / 3)) {
    if (holder.expired()) co_return;
    auto held = co_await redis::Lease::renew_script().run(client_, keys, arguments, Deadline());
    if (held && held->integer == 0) co_return;
    if (!held) note_failure(held.error(), Deadline());
  }
}

net::Task<Result<std::size_t>> SharedTier::purge(Selection selection, Deadline deadline) {
  if (auto told = co_await tell(selection, deadline); !told) co_return forward_error(told);
  redis::Scan scan(client_, entry_names(selection));
  std::size_t erased = 0;
  while (true) {
    auto names = co_await scan.next(deadline);
    if (!names) co_return forward_error(names);
    if (!*names) break;
    std::vector<redis::Command> commands; // each by itself: a cluster may have moved some
    for (const std::string& name : **names) commands.emplace_back("UNLINK", name);
    auto gone = co_await client_.pipeline(std::move(commands), deadline);
    if (!gone) co_return forward_error(gone);
    for (const redis::Reply& reply : *gone) {
      if (reply.is_error()) co_return std::unexpected(redis::error_of(reply));
      erased += static_cast<std::size_t>(reply.integer);
    }
  }
  if (auto told = co_await tell(selection, deadline); !told) co_return forward_error(told);
  co_return erased;
}

net::Task<Result<>> SharedTier::tell(Selection selection, Deadline deadline) {
  const std::string message = purge_text({config_.name, selection});
  const std::string channel = client_.name(kPurgeChannel);
  std::vector<std::string> keys{client_.name(kPurgeCountKey)};
  std::vector<std::string> arguments{channel, message, random_count()};
  auto told =
      co_await tell_script().raw_run(client_, std::move(keys), std::move(arguments), deadline);
  if (!told) co_return forward_error(told);
  if (!told->is_error()) co_return Result<>();
  if (!cannot_count(*told)) co_return std::unexpected(redis::error_of(*told));
  redis::Command publish("PUBLISH", channel, "- " + message); // without a number
  auto uncounted = co_await client_.command(std::move(publish), deadline);
  if (!uncounted) co_return forward_error(uncounted);
  co_return Result<>();
}

} // namespace raglan::cache

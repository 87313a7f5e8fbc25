// A cache of two tiers: this process (cache/local_cache.h), then Redis, which all nodes share
// (cache/shared_tier.h), where there is one.
//
// What Redis has is taken over into the process, with its age, which no node's clock decides
// (cache/shared_tier.h). A value is immutable and travels as the bytes that `Codec` makes of it;
// bytes that it cannot read are a miss.
//
//   struct Codec {
//     static std::string encode(const Value&);
//     static std::optional<Value> decode(std::string_view);
//     static std::size_t bytes(const Value&);     // what it occupies in this process
//   };
//
// Thread safety: any event loop, concurrently.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "cache/local_cache.h"
#include "cache/shared_tier.h"
#include "net/detach.h"
#include "net/pause.h"
#include "redis/lease.h"

namespace raglan::cache {

template <typename Value, typename Codec>
class TieredCache {
 public:
  using ValuePtr = std::shared_ptr<const Value>;
  using Found = LocalCache<Value>::Found;

  // Without a Redis client there is one tier. Clock and client must outlive the cache.
  TieredCache(LocalCacheConfig config, std::string name, Duration grace, redis::Client* redis,
              const Clock& clock)
      : ttl_(config.ttl), clock_(clock), local_(config, grace) {
    const Duration keep = ttl_ == Duration::zero() ? ttl_ : ttl_ + grace;
    if (redis != nullptr && config.enabled) {
      shared_.emplace(*redis, SharedTier::Config{.name = std::move(name), .keep = keep});
    }
  }

  LocalCache<Value>& local() { return local_; }
  SharedTier* shared() { return shared_ ? &*shared_ : nullptr; }

  // Of the first tier; what was saved is both tiers' work.
  LocalCacheStats stats() const {
    LocalCacheStats stats = local_.stats();
    if (!shared_) return stats;
    const SharedTierStats there = shared_->stats();
    stats.saved += there.saved;
    stats.saved_calls += there.saved_calls;
    return stats;
  }

  // A claim to compute a value for all nodes, or what may be one: a look that was cut off does not
  // know. Renewed while it is held. Released with the value by `publish`, without one when it is
  // destroyed, behind whoever held it.
  class Claim {
   public:
    Claim() = default;
    Claim(TieredCache& cache, boost::asio::any_io_executor loop, Hash128 key, std::uint64_t scope,
          std::string token)
        : cache_(&cache),
          loop_(std::move(loop)),
          key_(key),
          scope_(scope),
          token_(std::move(token)),
          held_(std::make_shared<char>()) {
      net::detach(loop_, cache.shared_->keep_claimed(key_, scope_, token_, held_));
    }
    Claim(Claim&& other) noexcept
        : cache_(std::exchange(other.cache_, nullptr)),
          loop_(std::move(other.loop_)),
          key_(other.key_),
          scope_(other.scope_),
          token_(std::move(other.token_)),
          held_(std::move(other.held_)) {}
    Claim& operator=(Claim&& other) noexcept {
      std::swap(cache_, other.cache_);
      std::swap(loop_, other.loop_);
      std::swap(key_, other.key_);
      std::swap(scope_, other.scope_);
      std::swap(token_, other.token_);
      std::swap(held_, other.held_);
      return *this;
    }
    ~Claim() {
      if (cache_ == nullptr) return;
      net::detach(loop_, cache_->shared_->release(key_, scope_, std::move(token_)));
    }

   private:
    friend TieredCache;
    std::string take_token() && {
      cache_ = nullptr;
      held_.reset();
      return std::move(token_);
    }
    TieredCache* cache_ = nullptr;
    boost::asio::any_io_executor loop_;
    Hash128 key_;
    std::uint64_t scope_ = 0;
    std::string token_;
    std::shared_ptr<const void> held_; // while it is to be renewed
  };

  struct ClaimOptions {
    bool wait = true; // while it is another node's turn
    bool background = false;
  };
  // How much later an entry of Redis must expire to be another than one that is here: of the same
  // one it seems to, by the time that storing it there and asking for it took.
  Duration same_entry() const {
    constexpr std::chrono::milliseconds kLongest{250};
    return ttl_ == Duration::zero() ? kLongest : std::min<Duration>(kLongest, ttl_ / 4);
  }

  // What Redis has, if that expires later than `later_than`; else nothing, and whose turn it is to
  // compute it: with kMine and a second tier `claim` is held, and it may be with kNobodys. Waits
  // until `deadline`, and for background work only when it is such itself.
  struct Elsewhere {
    Found found;
    SharedLookup::Claim turn = SharedLookup::Claim::kMine;
    Claim claim;
  };
  net::Task<Elsewhere> find_or_claim(Hash128 key, std::uint64_t scope, MonotonicTime later_than,
                                     ClaimOptions options, Deadline deadline) {
    if (!shared_) co_return Elsewhere();
    const auto loop = co_await boost::asio::this_coro::executor;
    const std::string token = SharedTier::make_token(options.background);
    for (Duration pause = kFirstPause;; pause = std::min<Duration>(2 * pause, kLongestPause)) {
      const std::uint64_t purges = local_.purges();
      auto looked = co_await shared_->find_or_claim(key, scope, token, deadline);
      Elsewhere elsewhere{.found = {}, .turn = looked.claim, .claim = {}};
      elsewhere.found = take_over(key, scope, looked, later_than, purges);
      if (looked.may_be_claimed) elsewhere.claim = Claim(*this, loop, key, scope, token);
      const bool others = looked.claim == SharedLookup::Claim::kOthers;
      bool go_on = options.wait && others && !elsewhere.found.value;
      go_on = go_on && deadline.allows(pause, clock_.now()) && co_await net::pause(pause);
      if (go_on) continue;
      shared_->count(looked, elsewhere.found.value != nullptr);
      co_return elsewhere;
    }
  }

  // What Redis has, whenever it expires. `failed`: it could not say.
  net::Task<Found> find_shared(Hash128 key, std::uint64_t scope, Deadline deadline, bool& failed) {
    failed = false;
    if (!shared_) co_return Found();
    const std::uint64_t purges = local_.purges();
    const SharedLookup looked = co_await shared_->find(key, scope, deadline);
    failed = !looked.answered;
    Found found = take_over(key, scope, looked, MonotonicTime::min(), purges);
    shared_->count(looked, found.value != nullptr);
    co_return found;
  }

  // Keeps a value that was computed just now, here and for the other nodes; the claim, if there is
  // one, ends with that. Whether it is kept here.
  bool publish(const boost::asio::any_io_executor& loop, const Hash128& key, ValuePtr value,
               EntryNotes notes, Claim claim = {}) {
    if (shared_) {
      SharedEntry entry{.value = Codec::encode(*value),
                        .stored = clock_.wall_now(),
                        .cost = notes.cost,
                        .calls = notes.calls};
      // A claim of another key, from before a write, is released for itself.
      std::string token;
      if (claim.cache_ == this && claim.key_ == key) token = std::move(claim).take_token();
      net::detach(loop,
                  shared_->put_and_release(key, notes.scope, std::move(entry), std::move(token)));
    }
    const std::size_t bytes = Codec::bytes(*value);
    return local_.insert(key, std::move(value), bytes, clock_.now(), notes);
  }

 private:
  static constexpr std::chrono::milliseconds kFirstPause{2};
  static constexpr std::chrono::milliseconds kLongestPause{50};

  // The entry, if there is one, now in this process too, unless it was purged meanwhile, since
  // there were so many purges; nothing when it expires no later than that, or is unreadable.
  Found take_over(const Hash128& key, std::uint64_t scope, const SharedLookup& looked,
                  MonotonicTime later_than, std::uint64_t purges) {
    if (!looked.entry) return {};
    const SharedEntry& entry = *looked.entry;
    const MonotonicTime now = clock_.now();
    const MonotonicTime stored = now - looked.age;
    const MonotonicTime expires = ttl_ == Duration::zero() ? MonotonicTime::max() : stored + ttl_;
    auto decoded = Codec::decode(entry.value);
    if (!decoded) return {};
    auto value = std::make_shared<const Value>(std::move(*decoded));
    const bool wanted = expires > later_than;
    if (!wanted && local_.peek(key, now).value) return {}; // that may be the newer one
    if (purges == local_.purges()) {
      local_.insert(key, value, Codec::bytes(*value), stored,
                    {.cost = entry.cost, .calls = entry.calls, .scope = scope});
    }
    if (!wanted) return {};
    return {std::move(value), stored, expires, entry.cost};
  }

  const Duration ttl_;
  const Clock& clock_;
  LocalCache<Value> local_;
  std::optional<SharedTier> shared_;
};

} // namespace raglan::cache

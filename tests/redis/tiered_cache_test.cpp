// A cache of two tiers, as two nodes on one Redis have it: whose turn it is, and that no claim is
// left behind.
#include "cache/tiered_cache.h"

#include "client_fixture.h"
#include "real_server.h"

namespace raglan::cache {
namespace {

using redis::Command;
using redis::eventually;
using redis::patient;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Turn = SharedLookup::Claim;

struct TextCodec {
  static std::string encode(const std::string& text) { return text; }
  static std::optional<std::string> decode(std::string_view bytes) {
    if (bytes == "unreadable") return std::nullopt;
    return std::string(bytes);
  }
  static std::size_t bytes(const std::string& text) { return text.size(); }
};
using Cache = TieredCache<std::string, TextCodec>;

class TieredCacheTest : public redis::RedisTest {
 protected:
  TieredCacheTest() { connect_nodes(patient(server_.url())); }
  // What detached coroutines use outlives them.
  ~TieredCacheTest() override { loops_.stop(); }

  void connect_nodes(const redis::ClientConfig& config) {
    connect(config);
    for (auto* node : {&one_, &two_}) {
      node->emplace(LocalCacheConfig{.ttl = kTtl}, "query", Duration::zero(), client_.get(),
                    SystemClock::instance());
    }
  }
  net::Running<Cache::Elsewhere> begin_look(Cache& node, bool wait = false,
                                            MonotonicTime later_than = MonotonicTime::min(),
                                            Deadline deadline = {}) {
    return begin(node.find_or_claim(kKey, kScope, later_than, {.wait = wait}, deadline));
  }
  Cache::Elsewhere look(Cache& node, MonotonicTime later_than = MonotonicTime::min()) {
    return *begin_look(node, false, later_than).get();
  }
  void publish(Cache& node, const Hash128& key, const std::string& value, Cache::Claim claim = {}) {
    node.publish(loops_.executor(0), key, std::make_shared<const std::string>(value),
                 {.scope = kScope}, std::move(claim));
  }
  std::size_t keys(std::string_view pattern) {
    return run(Command("KEYS", pattern))->elements.size();
  }
  std::size_t claims() { return keys("raglan:claim:*"); }
  bool no_claim_is_left() {
    return eventually([&] { return claims() == 0; });
  }
  // Whether Redis has carried out a command of this name.
  bool executed(std::string_view command) {
    const auto statistics = run(Command("INFO", "commandstats"));
    return statistics && statistics->text.contains("cmdstat_" + std::string(command) + ":");
  }

  static inline const Hash128 kKey = Hasher().add("key").finish();
  static inline const Hash128 kOther = Hasher().add("other").finish();
  static constexpr std::uint64_t kScope = 7;
  static constexpr seconds kTtl{3600};

  redis::RealServer server_;
  std::optional<Cache> one_;
  std::optional<Cache> two_;
};

TEST_F(TieredCacheTest, AClaimIsRenewedWhileItIsHeld) {
  const auto mine = look(*one_);
  ASSERT_EQ(mine.turn, Turn::kMine);
  const std::string claim = run(Command("KEYS", "raglan:claim:*"))->elements.at(0).text;
  std::int64_t left = run(Command("PTTL", claim))->integer;
  EXPECT_TRUE(eventually([&] {
    const std::int64_t before = left;
    left = run(Command("PTTL", claim))->integer;
    return left > before;
  }));
}

TEST_F(TieredCacheTest, AClaimIsReleasedWhenItIsDestroyed) {
  {
    const auto mine = look(*one_);
    EXPECT_EQ(mine.turn, Turn::kMine);
    EXPECT_EQ(look(*two_).turn, Turn::kOthers);
    EXPECT_EQ(claims(), 1u);
  }
  EXPECT_TRUE(no_claim_is_left());
}

TEST_F(TieredCacheTest, AClaimThatIsMovedIsReleasedByItsLastHolder) {
  auto mine = look(*one_);
  std::optional<Cache::Claim> last;
  {
    Cache::Claim first(std::move(mine.claim));
    Cache::Claim second;
    second = std::move(first);
    last.emplace(std::move(second));
  }
  mine = {};
  settle();
  EXPECT_EQ(claims(), 1u);
  last.reset();
  EXPECT_TRUE(no_claim_is_left());
}

TEST_F(TieredCacheTest, AnAssignedClaimReleasesTheOneBefore) {
  auto mine = look(*one_);
  mine.claim = Cache::Claim();
  EXPECT_TRUE(no_claim_is_left());
}

TEST_F(TieredCacheTest, AValueAndTheEndOfItsClaimArriveTogether) {
  auto mine = look(*one_);
  auto waiting = begin_look(*two_, true);
  ASSERT_TRUE(eventually([&] { return client().stats().commands > 6; })) << "it looks again";
  publish(*one_, kKey, "value", std::move(mine.claim));
  {
    const auto found = waiting.get(); // and the claim, which nobody had any more
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(*found->found.value, "value");
  }
  EXPECT_TRUE(no_claim_is_left());
  EXPECT_EQ(*two_->local().find(kKey, SystemClock::instance().now()), "value");
  EXPECT_EQ(two_->shared()->stats().hits, 1u);
  EXPECT_EQ(two_->shared()->stats().misses, 0u) << "a look is counted once";
}

TEST_F(TieredCacheTest, NobodyWaitsForBackgroundWorkButItself) {
  const auto claim = [&](Cache& node, bool background) {
    return *begin(node.find_or_claim(kKey, kScope, MonotonicTime::min(),
                                     {.wait = false, .background = background}, {}))
                .get();
  };
  {
    const auto warming = claim(*one_, true);
    EXPECT_EQ(warming.turn, Turn::kMine);
    EXPECT_EQ(claim(*two_, true).turn, Turn::kOthers);
    const auto asking = claim(*two_, false);
    EXPECT_EQ(asking.turn, Turn::kMine);
    EXPECT_EQ(claim(*one_, false).turn, Turn::kOthers);
    EXPECT_EQ(claims(), 2u);
  }
  EXPECT_TRUE(no_claim_is_left());
}

TEST_F(TieredCacheTest, WhatIsTooOldToServeIsHereForWhoeverFailsToMakeItAnew) {
  publish(*one_, kKey, "old");
  ASSERT_TRUE(eventually([&] { return keys("raglan:query:*") == 1; }));
  const MonotonicTime now = SystemClock::instance().now();
  const auto looked = look(*two_, now + 2 * kTtl);
  EXPECT_EQ(looked.found.value, nullptr);
  EXPECT_EQ(looked.turn, Turn::kMine);
  EXPECT_EQ(*two_->local().peek(kKey, now).value, "old");
}

TEST_F(TieredCacheTest, AClaimIsReleasedWhenAnotherKeyIsPublished) {
  auto mine = look(*one_);
  publish(*one_, kOther, "value", std::move(mine.claim));
  EXPECT_TRUE(no_claim_is_left());
  EXPECT_TRUE(eventually([&] { return keys("raglan:query:*") == 1; }));
  EXPECT_EQ(look(*two_).turn, Turn::kMine) << "there is no value under the claimed key";
}

TEST_F(TieredCacheTest, WaitingForNothingIsOneMiss) {
  const auto mine = look(*one_);
  const auto nothing =
      begin_look(*two_, true, MonotonicTime::min(), redis::within(milliseconds(100))).get();
  ASSERT_TRUE(nothing.has_value());
  EXPECT_EQ(nothing->found.value, nullptr);
  EXPECT_EQ(two_->shared()->stats().misses, 1u);
  EXPECT_EQ(two_->shared()->stats().failures, 0u);
}

TEST_F(TieredCacheTest, ANodesOwnEntryIsNoNewerOneThatItFindsInRedis) {
  for (int round = 0; round < 20; ++round) {
    const Hash128 key = Hasher().add("round").add(round).finish();
    publish(*one_, key, "mine");
    ASSERT_TRUE(eventually([&] { return keys("raglan:query:*{" + key.hex() + "}") == 1; }));
    const auto mine = one_->local().peek(key, SystemClock::instance().now());
    ASSERT_TRUE(mine.value);
    const MonotonicTime newer_than = mine.expires + one_->same_entry();
    const auto again =
        begin(one_->find_or_claim(key, kScope, newer_than, {.wait = false}, Deadline())).get();
    EXPECT_FALSE(again->found.value);
    EXPECT_EQ(again->turn, Turn::kMine);
  }
}

TEST_F(TieredCacheTest, WhatExpiresTooSoonIsNotFoundAndMayBeComputed) {
  publish(*one_, kKey, "value");
  ASSERT_TRUE(eventually([&] { return keys("raglan:query:*") == 1; }));
  const auto now = SystemClock::instance().now();
  {
    const auto late = look(*two_, now + kTtl + minutes(1));
    EXPECT_EQ(late.found.value, nullptr);
    EXPECT_EQ(late.turn, Turn::kMine);
  }
  const auto found = look(*two_, now + kTtl - minutes(1)).found;
  ASSERT_NE(found.value, nullptr);
  EXPECT_LE(found.stored, SystemClock::instance().now());
  EXPECT_EQ(found.expires, found.stored + kTtl);
  EXPECT_EQ(two_->shared()->stats().hits, 1u);
  EXPECT_EQ(two_->shared()->stats().misses, 1u);
}

TEST_F(TieredCacheTest, BytesThatTheCodecCannotReadAreAMiss) {
  publish(*one_, kKey, "unreadable");
  ASSERT_TRUE(eventually([&] { return keys("raglan:query:*") == 1; }));
  bool failed = true;
  EXPECT_EQ(begin(two_->find_shared(kKey, kScope, Deadline(), failed)).get()->value, nullptr);
  EXPECT_FALSE(failed);
  EXPECT_EQ(two_->shared()->stats().misses, 1u);
}

TEST_F(TieredCacheTest, ALookThatIsCancelledLeavesNoClaimBehind) {
  ASSERT_TRUE(run(Command("PING")).has_value()); // connected
  server_.freeze();
  auto cut_off = begin_look(*one_);
  ASSERT_TRUE(eventually([&] { return client().stats().in_use == 1; }));
  settle(); // what was sent is with the kernel
  cut_off.cancel();
  cut_off.get();
  server_.thaw();
  EXPECT_TRUE(eventually([&] { return executed("set"); })) << "the claim was made";
  EXPECT_TRUE(eventually([&] { return executed("del") && claims() == 0; }));
  EXPECT_EQ(one_->shared()->stats().failures, 0u);
}

TEST_F(TieredCacheTest, ALookThatIsNotAnsweredInTimeLeavesNoClaimBehind) {
  auto config = patient(server_.url());
  config.timeout = milliseconds(200);
  config.breaker.failure_threshold = 100;
  connect_nodes(config);
  ASSERT_TRUE(eventually([&] { return run(Command("PING")).has_value(); }));
  server_.freeze();
  {
    const auto unknown = look(*one_);
    EXPECT_EQ(unknown.turn, Turn::kNobodys);
  }
  // Its release is not answered either, and is sent again.
  ASSERT_TRUE(eventually([&] { return one_->shared()->stats().failures == 2; }));
  server_.thaw();
  EXPECT_TRUE(eventually([&] { return executed("set"); })) << "the claim was made";
  EXPECT_TRUE(eventually([&] { return executed("del") && claims() == 0; }));
}

// The entry was read before an operator removed it, and arrives after that.
TEST_F(TieredCacheTest, WhatIsPurgedWhileItIsOnItsWayIsNotTakenOver) {
  publish(*two_, kKey, "purged");
  ASSERT_TRUE(eventually([&] { return keys("raglan:query:*") == 1; }));
  server_.freeze();
  auto looking = begin_look(*one_);
  ASSERT_TRUE(eventually([&] { return client().stats().in_use == 1; }));
  one_->local().purge({});
  server_.thaw();
  EXPECT_TRUE(looking.get()->found.value) << "who asked before may have it";
  EXPECT_EQ(one_->local().stats().entries, 0u);
  EXPECT_TRUE(look(*one_).found.value);
  EXPECT_EQ(one_->local().stats().entries, 1u);
}

} // namespace
} // namespace raglan::cache

// The login of docs/redis.md, which may do nothing but what a node does: it is enough for that,
// also while a slot is moved.
#include <atomic>
#include <optional>
#include <sstream>

#include "auth/rate_limits.h"
#include "cache/purge_follower.h"
#include "cache/shared_tier.h"
#include "client_fixture.h"
#include "cluster_deployment.h"
#include "redis/fleet.h"

namespace raglan::redis {
namespace {

// As docs/redis.md has it.
constexpr const char* kAllowed =
    "resetkeys ~raglan:* resetchannels &raglan:* -@all +ping +get +set +del +unlink +pttl +pexpire "
    "+incr +scan +publish +subscribe +eval +evalsha +time +hmget +hset +zadd +zrem +zcard "
    "+zremrangebyscore +client|setname +role +cluster|slots +asking";

class RestrictedLogin : public RedisTest {
 protected:
  RestrictedLogin() {
    Command login("ACL", "SETUSER", "raglan", "on", ">secret");
    std::istringstream words(kAllowed);
    for (std::string word; words >> word;) login.add(word);
    for (const auto& server : cluster_.servers) server->tell(login);
    std::string url = cluster_.url();
    url.insert(url.find("//") + 2, "raglan:secret@");
    connect(patient(url));
  }
  // What detached coroutines use outlives them.
  ~RestrictedLogin() override { loops_.stop(); }

  ClusterDeployment cluster_;
};

TEST_F(RestrictedLogin, IsEnough) {
  Fleet fleet(client(), loops_, 0);
  cache::SharedTier tier(client(), {.name = "query", .keep = seconds(60)});
  std::atomic<int> heard = 0;
  cache::PurgeFollower::Events events{.on_purge = [&](const cache::PurgeMessage&) { ++heard; },
                                      .on_missed = [] {}};
  std::optional<cache::PurgeFollower> follower;
  follower.emplace(client(), SubscriberConfig(), std::move(events), loops_, 1);
  ASSERT_TRUE(eventually([&] { return follower->listening(); }));

  auth::RateLimits limits({.paid = {.requests_per_minute = 10, .tokens_per_minute = 1'000}},
                          &client(), &fleet, SystemClock::instance());
  const auto taken = *begin(limits.acquire({"acme"}, {}, Deadline())).get();
  EXPECT_TRUE(taken.shared);
  begin(limits.settle({"acme"}, taken, 5)).get();

  const Hash128 key = Hasher().add("key").finish();
  const auto look = [&] { return *begin(tier.find_or_claim(key, 7, "mine", Deadline())).get(); };
  const std::string name = client().name("query:0000000000000007:{" + key.hex() + "}");
  const std::uint16_t slot = hash_slot(name);
  TcpServer* const from = cluster_.owner_of(slot);
  TcpServer* const to = cluster_.servers[from == cluster_.servers[0].get() ? 1 : 0].get();
  bool met = false;
  cluster_.move_slot(slot, *to, [&] {
    EXPECT_EQ(look().claim, cache::SharedLookup::Claim::kMine) << "behind ASKING";
    begin(tier.put_and_release(key, 7, {.value = "answer"}, "mine")).get();
    EXPECT_TRUE(look().entry.has_value());
    met = client().stats().redirected > 0;
  });
  EXPECT_TRUE(met);
  EXPECT_EQ(start(tier.purge({}, Deadline())).get(), 1u);
  EXPECT_TRUE(eventually([&] { return heard == 2; }));
  begin(fleet.leave()).get();
  EXPECT_TRUE(start(client().check({})).get().has_value());
  EXPECT_EQ(client().stats().refused_replies, 0u);
}

} // namespace
} // namespace raglan::redis

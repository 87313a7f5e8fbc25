// A cache's second tier: one claim among all nodes, and an entry that is never missed.
#include "cache/shared_tier.h"

#include "client_fixture.h"
#include "fake_server.h"
#include "real_server.h"

namespace raglan::cache {
namespace {

using redis::Command;
using Claim = SharedLookup::Claim;

class SharedTierTest : public redis::RedisTest {
 protected:
  SharedLookup look(SharedTier& tier, const std::string& token) {
    return *start(as_result(tier.find_or_claim(kKey, kScope, token, Deadline()))).get();
  }
  void put_and_release(SharedTier& tier, std::optional<SharedEntry> entry,
                       const std::string& token) {
    start(as_result(tier.put_and_release(kKey, kScope, std::move(entry), token))).get();
  }

  static SharedEntry entry() { return {.value = "the answer", .cost = std::chrono::seconds(1)}; }

  static inline const Hash128 kKey = Hasher().add("key").finish();
  static constexpr std::uint64_t kScope = 7;

 private:
  template <typename T>
  static net::Task<Result<T>> as_result(net::Task<T> task) {
    co_return co_await std::move(task);
  }
  static net::Task<Result<>> as_result(net::Task<void> task) {
    co_await std::move(task);
    co_return Result<>();
  }
};

TEST_F(SharedTierTest, OneOfAllComputesUntilItReleases) {
  redis::RealServer server;
  connect(redis::patient(server.url()));
  SharedTier tier(client(), {.name = "query", .keep = std::chrono::minutes(1)});
  EXPECT_EQ(look(tier, "mine").claim, Claim::kMine);
  EXPECT_EQ(look(tier, "another's").claim, Claim::kOthers);
  put_and_release(tier, std::nullopt, "another's");
  EXPECT_EQ(look(tier, "another's").claim, Claim::kOthers) << "who has no claim releases none";
  put_and_release(tier, std::nullopt, "mine");
  EXPECT_EQ(look(tier, "another's").claim, Claim::kMine);
  put_and_release(tier, entry(), "another's");
  EXPECT_EQ(look(tier, "mine").entry->value, "the answer");
  EXPECT_EQ(tier.stats().hits, 1u);
}

// The worst moment: the entry comes and the claim on it goes between the two commands of a look.
TEST_F(SharedTierTest, ALookNeverMissesAnEntryAndGetsItsClaim) {
  http::RawServer server([&](http::RawPeer& peer) {
    redis::FakeConnection connection(peer);
    connection.log_in();
    for (bool published = false;; published = true) {
      const auto words = connection.read_command();
      if (words.empty()) break;
      const bool claim = words[0] == "SET";
      if (claim && published) peer.send("+OK\r\n");
      if (!claim && published) connection.send_string(encode_entry(kKey, entry()));
      if (!published) peer.send("$-1\r\n"); // neither an entry nor a claim to be had
    }
  });
  connect(redis::patient(redis::redis_url(server)));
  SharedTier tier(client(), {.name = "query"});
  const SharedLookup found = look(tier, "mine");
  EXPECT_TRUE(found.entry.has_value());
  EXPECT_EQ(found.claim, Claim::kOthers);
}

} // namespace
} // namespace raglan::cache

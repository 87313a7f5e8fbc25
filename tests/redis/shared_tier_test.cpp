// A cache's second tier: one claim among all nodes, an entry that is never missed, and what of all
// that is left when Redis does not answer.
#include "cache/shared_tier.h"

#include <atomic>
#include <future>

#include "client_fixture.h"
#include "fake_cluster.h"
#include "real_server.h"

namespace raglan::cache {
namespace {

using http::RawPeer;
using http::RawServer;
using redis::Command;
using redis::eventually;
using redis::FakeConnection;
using redis::patient;
using redis::RealServer;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Claim = SharedLookup::Claim;

class SharedTierTest : public redis::RedisTest {
 protected:
  // What detached coroutines use outlives them.
  ~SharedTierTest() override { loops_.stop(); }

  void connect_tier(const redis::ClientConfig& config, milliseconds claim_time = seconds(3)) {
    connect(config);
    tier_.emplace(client(), SharedTier::Config{
                                .name = "query", .keep = minutes(1), .claim_time = claim_time});
  }
  SharedTier& tier() { return *tier_; }

  SharedLookup look(const std::string& token) {
    return *begin(tier().find_or_claim(kKey, kScope, token, Deadline())).get();
  }
  void put_and_release(SharedEntry entry, const std::string& token) {
    begin(tier().put_and_release(kKey, kScope, std::move(entry), token)).get();
  }
  void release(const std::string& token) { begin(tier().release(kKey, kScope, token)).get(); }

  static SharedEntry entry(std::string value = "the answer") {
    return {.value = std::move(value), .cost = seconds(1)};
  }
  std::int64_t exists(const std::string& name) { return run(Command("EXISTS", name))->integer; }
  static std::string entry_name() { return "raglan:query:0000000000000007:{" + kKey.hex() + "}"; }
  static std::string claim_name() {
    return "raglan:claim:query:0000000000000007:{" + kKey.hex() + "}";
  }

  static inline const Hash128 kKey = Hasher().add("key").finish();
  static constexpr std::uint64_t kScope = 7;

  std::optional<SharedTier> tier_;
};

TEST_F(SharedTierTest, OneOfAllComputesUntilItReleases) {
  RealServer server;
  connect_tier(patient(server.url()));
  EXPECT_EQ(look("mine").claim, Claim::kMine);
  EXPECT_EQ(look("another's").claim, Claim::kOthers);
  release("another's");
  EXPECT_EQ(look("another's").claim, Claim::kOthers) << "who has no claim releases none";
  release("mine");
  EXPECT_EQ(look("another's").claim, Claim::kMine);
  put_and_release(entry(), "another's");
  EXPECT_EQ(exists(claim_name()), 0);
  EXPECT_EQ(look("mine").entry->value, "the answer");
  EXPECT_EQ(tier().stats().failures, 0u);
}

TEST_F(SharedTierTest, AClaimIsKeptWhileItIsHeldAndIsFreeSoonAfterItsHoldersDeath) {
  constexpr milliseconds kClaimTime{900};
  RealServer server;
  connect_tier(patient(server.url()), kClaimTime);
  ASSERT_EQ(look("mine").claim, Claim::kMine);
  auto holder = std::make_shared<const char>();
  auto keeping = begin(tier().keep_claimed(kKey, kScope, "mine", holder));
  const auto& clock = SystemClock::instance();
  const MonotonicTime twice = clock.now() + 2 * kClaimTime;
  while (clock.now() < twice) ASSERT_EQ(look("another's").claim, Claim::kOthers);
  holder.reset(); // without a release: its process died
  EXPECT_TRUE(eventually([&] { return look("another's").claim == Claim::kMine; }));
  keeping.get();
}

TEST_F(SharedTierTest, AClaimThatIsAnothersIsNotKept) {
  RealServer server;
  connect_tier(patient(server.url()), milliseconds(30));
  const auto holder = std::make_shared<const char>();
  run(Command("SET", claim_name(), "another's"));
  begin(tier().keep_claimed(kKey, kScope, "mine", holder)).get();
  EXPECT_EQ(run(Command("PTTL", claim_name()))->integer, -1) << "its time to live is untouched";
}

TEST_F(SharedTierTest, AServerThatForgotTheScriptIsToldItAgain) {
  RealServer server;
  connect_tier(patient(server.url()));
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(look("mine").claim, Claim::kMine);
    put_and_release(entry(), "mine");
    EXPECT_EQ(exists(claim_name()), 0);
    run(Command("SCRIPT", "FLUSH"));
  }
  EXPECT_EQ(client().stats().refused_replies, 0u);
  EXPECT_EQ(tier().stats().failures, 0u);
}

// The worst moment: the entry comes and the claim on it goes between the commands of a look.
TEST_F(SharedTierTest, ALookNeverMissesAnEntryAndGetsItsClaim) {
  RawServer server([&](RawPeer& peer) {
    FakeConnection connection(peer);
    connection.log_in();
    for (bool published = false;; published = true) {
      const auto words = connection.read_command();
      if (words.empty()) break;
      if (words[0] == "GET" && published) {
        connection.send_string(encode_entry(kKey, entry()));
      } else if (words[0] == "PTTL") {
        peer.send(published ? ":60000\r\n" : ":-2\r\n");
      } else {
        peer.send(published ? "+OK\r\n" : "$-1\r\n"); // neither an entry nor a claim to be had
      }
    }
  });
  connect_tier(patient(redis::redis_url(server)));
  const SharedLookup found = look("mine");
  EXPECT_TRUE(found.entry.has_value());
  EXPECT_EQ(found.claim, Claim::kOthers);
}

// Takes the commands of a look and answers nothing.
class SilentServer {
 public:
  std::string url() const { return redis::redis_url(server_); }
  void await_look() { asked_.get_future().wait(); }

 private:
  void serve(RawPeer& peer) {
    FakeConnection connection(peer);
    connection.log_in();
    for (int i = 0; i < 3; ++i) connection.read_command();
    if (peer.number == 0) asked_.set_value();
    peer.wait_for_close();
  }

  std::promise<void> asked_;
  RawServer server_{[this](RawPeer& peer) { serve(peer); }}; // ends before the promise
};

TEST_F(SharedTierTest, ALookThatIsNotAnsweredMayHaveTheClaim) {
  SilentServer silent;
  auto config = patient(silent.url());
  config.timeout = milliseconds(100);
  connect_tier(config);
  const SharedLookup found = look("mine");
  EXPECT_EQ(found.claim, Claim::kNobodys);
  EXPECT_TRUE(found.may_be_claimed);
  EXPECT_FALSE(found.answered);
  EXPECT_EQ(tier().stats().failures, 1u);
}

TEST_F(SharedTierTest, ALookThatIsCancelledMayHaveTheClaimAndIsNoFailure) {
  SilentServer silent;
  connect_tier(patient(silent.url()));
  auto looking = begin(tier().find_or_claim(kKey, kScope, "mine", Deadline()));
  silent.await_look();
  looking.cancel();
  const auto found = looking.get();
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->claim, Claim::kNobodys);
  EXPECT_TRUE(found->may_be_claimed);
  EXPECT_EQ(tier().stats().failures, 0u);
  EXPECT_EQ(client().stats().breaker.consecutive_failures, 0u);
}

TEST_F(SharedTierTest, ACallersOwnDeadlineIsNoFailure) {
  SilentServer silent;
  connect_tier(patient(silent.url()));
  const auto deadline = redis::within(milliseconds(20));
  begin(tier().find_or_claim(kKey, kScope, "mine", deadline)).get();
  EXPECT_EQ(tier().stats().failures, 0u);
}

// Its slot is being moved: the entry is still here, and the claim, which is new, belongs there.
TEST_F(SharedTierTest, AClaimMayHaveBeenTakenThoughTheLookWasAnswered) {
  redis::FakeMap map;
  RawServer importing(redis::member(map, [](const redis::Words& words) {
    return words[0] == "ASKING" ? std::string("+OK\r\n") : std::string(); // it breaks
  }));
  RawServer owner(redis::member(map, [&](const redis::Words& words) {
    if (words[0] == "SET") return redis::there("ASK", importing);
    return words[0] == "GET" ? redis::bulk(encode_entry(kKey, entry())) : std::string(":60000\r\n");
  }));
  map.set({owner.port()});
  connect_tier(patient(redis::cluster_url(owner)));
  const SharedLookup found = look("mine");
  EXPECT_TRUE(found.entry.has_value());
  EXPECT_EQ(found.claim, Claim::kNobodys);
  EXPECT_TRUE(found.may_be_claimed);
  EXPECT_EQ(tier().stats().failures, 1u);
}

TEST_F(SharedTierTest, ALookThatWasNeverSentHasNoClaim) {
  connect_tier(patient("unix:///nonexistent/redis.sock"));
  const SharedLookup found = look("mine");
  EXPECT_EQ(found.claim, Claim::kNobodys);
  EXPECT_FALSE(found.may_be_claimed);
  EXPECT_EQ(tier().stats().failures, 1u);
}

TEST_F(SharedTierTest, AReleaseThatIsNotAnsweredIsSentAgain) {
  std::promise<std::string> again;
  RawServer server([&](RawPeer& peer) {
    FakeConnection connection(peer);
    connection.log_in();
    const auto words = connection.read_command();
    if (peer.number == 1) again.set_value(words.empty() ? "" : words.back());
    if (peer.number == 1) peer.send(":1\r\n");
    peer.wait_for_close();
  });
  auto config = patient(redis::redis_url(server));
  config.timeout = milliseconds(100);
  connect_tier(config);
  release("mine");
  EXPECT_EQ(again.get_future().get(), "mine");
  EXPECT_EQ(tier().stats().failures, 1u);
}

TEST_F(SharedTierTest, AnEntryThatIsTooLargeIsNotStoredAndItsClaimEnds) {
  RealServer server;
  auto config = patient(server.url());
  config.max_command_bytes = 2'000;
  connect_tier(config);
  ASSERT_EQ(look("mine").claim, Claim::kMine);
  put_and_release(entry(std::string(2'000, 'x')), "mine");
  EXPECT_EQ(exists(claim_name()), 0);
  EXPECT_EQ(exists(entry_name()), 0);
  EXPECT_EQ(tier().stats().refused, 1u);
  EXPECT_GT(tier().stats().refused_bytes, 2'000u);
  EXPECT_EQ(tier().stats().failures, 0u);
}

TEST_F(SharedTierTest, ManyAreStoredAndFoundInFewRoundTripsAndInTheirOrder) {
  RealServer server;
  connect_tier(patient(server.url()));
  constexpr std::size_t kMany = 2 * SharedTier::kKeysAtOnce + 1;
  std::vector<Hash128> keys;
  std::vector<SharedTier::Put> puts;
  for (std::size_t i = 0; i < kMany; ++i) {
    keys.push_back(Hasher().add(i).finish());
    if (i % 2 == 0) puts.push_back({keys.back(), entry(std::to_string(i))});
  }
  begin(tier().put_many(kScope, std::move(puts))).get();
  EXPECT_EQ(client().stats().commands, kMany / 2 + 1);
  const auto found = *begin(tier().find_many(keys, kScope, Deadline())).get();
  ASSERT_EQ(found.size(), kMany);
  for (std::size_t i = 0; i < kMany; ++i) {
    EXPECT_TRUE(found[i].answered);
    ASSERT_EQ(found[i].entry.has_value(), i % 2 == 0) << i;
    if (found[i].entry) EXPECT_EQ(found[i].entry->value, std::to_string(i));
    EXPECT_LT(found[i].age, seconds(30));
  }
  EXPECT_FALSE(begin(tier().find_many({keys[0]}, kScope + 1, Deadline())).get()->front().entry);
  EXPECT_TRUE(begin(tier().find_many({}, kScope, Deadline())).get()->empty());
  EXPECT_EQ(tier().stats().failures, 0u);
}

TEST_F(SharedTierTest, OfManyThoseThatAreTooLargeAreNotStoredAndTheOthersAre) {
  RealServer server;
  auto config = patient(server.url());
  config.max_command_bytes = 2'000;
  connect_tier(config);
  std::vector<SharedTier::Put> puts;
  std::vector<Hash128> keys;
  for (std::size_t i = 0; i < 10; ++i) {
    keys.push_back(Hasher().add(i).finish());
    puts.push_back({keys.back(), entry(std::string(i == 7 ? 2'000 : 900, 'x'))});
  }
  begin(tier().put_many(kScope, std::move(puts))).get();
  for (std::size_t i = 0; i < keys.size(); ++i) {
    EXPECT_EQ(begin(tier().find(keys[i], kScope, Deadline())).get()->entry.has_value(), i != 7);
  }
  EXPECT_EQ(tier().stats().refused, 1u);
  EXPECT_GT(tier().stats().refused_bytes, 2'000u);
  EXPECT_EQ(tier().stats().failures, 0u);
}

TEST_F(SharedTierTest, ManyThatAreNotAnsweredAreOneFailureAndMisses) {
  RealServer server;
  auto config = patient(server.url());
  config.timeout = milliseconds(100);
  connect_tier(config);
  server.freeze();
  const std::vector<Hash128> keys(3 * SharedTier::kKeysAtOnce, kKey);
  const auto found = *begin(tier().find_many(keys, kScope, Deadline())).get();
  server.thaw();
  ASSERT_EQ(found.size(), keys.size());
  EXPECT_TRUE(std::ranges::none_of(found, &SharedLookup::answered));
  EXPECT_EQ(tier().stats().failures, 1u);
}

TEST_F(SharedTierTest, InstallationsOnOneServerAreApart) {
  RealServer server;
  auto config = patient(server.url());
  config.key_prefix = "other:";
  connect_tier(config);
  put_and_release(entry(), "");
  EXPECT_EQ(exists("other:query:0000000000000007:{" + kKey.hex() + "}"), 1);
  EXPECT_EQ(exists(entry_name()), 0);
  run(Command("SET", entry_name(), "the first installation's"));
  EXPECT_EQ(start(tier().purge({}, Deadline())).get(), 1u);
  EXPECT_EQ(exists(entry_name()), 1);
  EXPECT_EQ(exists("other:{purge}:count"), 1);
}

TEST_F(SharedTierTest, AnEntryThatRedisHasNoRoomForIsAFailureAndItsClaimEnds) {
  RealServer server;
  connect_tier(patient(server.url()));
  ASSERT_EQ(look("mine").claim, Claim::kMine);
  run(Command("CONFIG", "SET", "maxmemory", 1));
  put_and_release(entry(), "mine");
  EXPECT_EQ(tier().stats().failures, 1u);
  EXPECT_EQ(exists(claim_name()), 0);
  EXPECT_EQ(exists(entry_name()), 0);
  EXPECT_EQ(look("mine").claim, Claim::kNobodys) << "there is no room for a claim, either";
  EXPECT_EQ(tier().stats().failures, 2u);
}

TEST_F(SharedTierTest, AFullRedisStillAnswersWithWhatItHas) {
  RealServer server;
  connect_tier(patient(server.url()));
  put_and_release(entry(), "");
  run(Command("CONFIG", "SET", "maxmemory", 1));
  const SharedLookup found = look("mine");
  EXPECT_TRUE(found.answered);
  ASSERT_TRUE(found.entry.has_value());
  EXPECT_EQ(found.entry->value, "the answer");
}

TEST_F(SharedTierTest, AReadOnlyReplicaStillAnswersWithWhatItHasAndOpensNoBreaker) {
  RealServer server;
  connect_tier(patient(server.url()));
  put_and_release(entry(), "");
  run(Command("REPLICAOF", "127.0.0.1", "1")); // of nobody who answers: it serves what it has
  for (int i = 0; i < 10; ++i) {
    const SharedLookup found = look("mine");
    ASSERT_TRUE(found.entry.has_value());
    EXPECT_EQ(found.claim, Claim::kNobodys) << "no claim can be made there";
    put_and_release(entry("newer"), "");
  }
  EXPECT_EQ(look("mine").entry->value, "the answer");
  EXPECT_EQ(client().stats().breaker.state, policy::BreakerState::kClosed);
  EXPECT_EQ(client().stats().unavailable, 0u);
  EXPECT_GE(client().stats().refused_replies, 20u);
}

TEST_F(SharedTierTest, AnEntryIsAsOldAsRedisSays) {
  RealServer server;
  connect_tier(patient(server.url()));
  const auto find = [&] { return *begin(tier().find(kKey, kScope, Deadline())).get(); };
  for (const auto wrong : {std::chrono::hours(-24), std::chrono::hours(24)}) {
    SharedEntry stored = entry();
    stored.stored = SystemClock::instance().wall_now() + wrong;
    put_and_release(stored, "");
    EXPECT_LT(find().age, seconds(30));
    run(Command("PEXPIRE", entry_name(), 20'000));
    EXPECT_GE(find().age, seconds(40)) << "of the minute that it is kept";
    EXPECT_GE(look("mine").age, seconds(40));
  }
}

TEST_F(SharedTierTest, APurgeRemovesWhatItSelectsAndSaysHowMuch) {
  RealServer server;
  connect_tier(patient(server.url()));
  for (const std::uint64_t scope : {1, 2, 3}) {
    begin(tier().put_and_release(kKey, scope, entry(), "")).get();
  }
  const auto purge = [&](const Selection& selection) {
    return start(tier().purge(selection, Deadline())).get();
  };
  EXPECT_EQ(purge({.scope = 2}), 1u);
  EXPECT_EQ(purge({.scope = 2}), 0u);
  EXPECT_TRUE(begin(tier().find(kKey, 1, Deadline())).get()->entry.has_value());
  EXPECT_FALSE(begin(tier().find(kKey, 2, Deadline())).get()->entry.has_value());
  constexpr Scope kOfTenantFive = Scope{5} << 32 | 1;
  begin(tier().put_and_release(kKey, kOfTenantFive, entry(), "")).get();
  EXPECT_EQ(purge({.tenant = 5}), 1u);
  EXPECT_EQ(purge({.key = kKey}), 2u);
  server.kill();
  EXPECT_FALSE(purge({}).has_value());
}

TEST_F(SharedTierTest, APurgeIsToldBeforeItBeginsAndWhenItIsDone) {
  std::string heard;
  RawServer server([&](RawPeer& peer) {
    FakeConnection connection(peer);
    connection.log_in();
    for (auto words = connection.read_command(); !words.empty();
         words = connection.read_command()) {
      heard += words[0] + " ";
      peer.send(words[0] == "SCAN" ? "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nx\r\n" : ":1\r\n");
    }
  });
  connect_tier(patient(redis::redis_url(server)));
  EXPECT_EQ(start(tier().purge({}, Deadline())).get(), 1u);
  EXPECT_EQ(heard, "EVALSHA SCAN UNLINK EVALSHA ");
}

// Wherever else a message could be published, nobody listens there.
TEST_F(SharedTierTest, APurgeThatNobodyCouldBeToldOfIsAnError) {
  for (const std::string refusal : {"", "-LOADING x\r\n", "-READONLY x\r\n", "-NOREPLICAS x\r\n"}) {
    std::atomic<int> published = 0;
    RawServer server([&](RawPeer& peer) {
      FakeConnection connection(peer);
      connection.log_in();
      for (auto words = connection.read_command(); !words.empty();
           words = connection.read_command()) {
        if (words[0] == "SCAN") {
          peer.send("*2\r\n$1\r\n0\r\n*0\r\n");
        } else if (words[0] == "PUBLISH") {
          ++published;
          peer.send(":0\r\n");
        } else if (refusal.empty()) {
          return; // the connection breaks
        } else {
          peer.send(refusal);
        }
      }
    });
    connect_tier(patient(redis::redis_url(server)));
    EXPECT_FALSE(start(tier().purge({}, Deadline())).get().has_value()) << refusal;
    EXPECT_EQ(published, 0);
  }
}

} // namespace
} // namespace raglan::cache

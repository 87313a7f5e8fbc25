// Reads on streaming standbys: as new as they must be, and made on the primary when anything is
// wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <future>

#include "replicated_fixture.h"
#include "store/document_fixture_test.h"
#include "store/waiting_store_test.h"

namespace raglan::postgres_store {
namespace {

using policy::ReplicaState;
using store::kSpace;
using store::make_document;
using testing::ElementsAre;
using testing::IsEmpty;
using namespace std::chrono_literals;
using Texts = std::vector<std::string>;

// One statement, blocking, on a thread that may be a loop's.
void run_sql(const std::string& url, const char* sql) {
  const std::unique_ptr<PGconn, void (*)(PGconn*)> connection(PQconnectdb(url.c_str()), &PQfinish);
  const std::unique_ptr<PGresult, void (*)(PGresult*)> result(PQexec(connection.get(), sql),
                                                              &PQclear);
  EXPECT_EQ(PQresultStatus(result.get()), PGRES_COMMAND_OK) << PQerrorMessage(connection.get());
}

class ReplicaTest : public testing::Test {
 protected:
  explicit ReplicaTest(Replication kind = Replication::kFree) : kind_(kind) { loops_.start(); }
  ~ReplicaTest() override {
    loops_.stop();
    database_->stop();
  }
  void SetUp() override { database_ = std::make_unique<ReplicatedDatabase>(loops_, kind_); }

  PostgresStore& open(const Config& config = {}) { return database_->open(kSpace, config); }
  // Without a look at whether the replica is in rotation.
  PostgresStore& open_with(const std::string& replica_url, const Config& config = {}) {
    auto opened = database_->database().open(kSpace, config, {}, {replica_url});
    if (!opened) throw std::runtime_error(opened.error().message);
    PostgresStore& store = *stores_.emplace_back(std::move(*opened));
    store.begin_upkeep();
    return store;
  }
  store::WaitingStore waiting(PostgresStore& opened) { return {opened, loops_}; }
  void pause() { ask_standby("SELECT pg_wal_replay_pause()"); }
  void resume() { ask_standby("SELECT pg_wal_replay_resume()"); }
  // What is replayed may end the session that asks.
  void ask_standby(const std::string& statement) {
    for (int attempt = 1;; ++attempt) {
      try {
        database_->ask_standby(statement);
        return;
      } catch (const std::exception&) {
        if (attempt == 5) throw;
      }
    }
  }

  static std::uint64_t repeated(const PostgresStore& store, RepeatReason reason) {
    return store.replicas().status(0).repeated[std::to_underlying(reason)];
  }
  static std::uint64_t repeated(const PostgresStore& store) {
    std::uint64_t sum = 0;
    for (const std::uint64_t each : store.replicas().status(0).repeated) sum += each;
    return sum;
  }
  static std::uint64_t served(const PostgresStore& store) {
    return store.replicas().status(0).served;
  }
  static Texts found(store::WaitingStore store, std::string_view word) {
    const auto choose = [](const store::SearchResult& result) {
      std::vector<std::uint64_t> ids;
      for (const auto& candidate : result.candidates) ids.push_back(candidate.chunk_id);
      return ids;
    };
    auto reply = store.search({.query_text = std::string(word), .candidates = 100}, choose);
    if (!reply) return {reply.error().message};
    Texts texts;
    for (const auto& passage : reply->passages) texts.push_back(passage.chunk.text);
    return texts;
  }

  const Replication kind_;
  std::vector<std::unique_ptr<PostgresStore>> stores_;
  std::unique_ptr<ReplicatedDatabase> database_;
  net::EventLoops loops_{{.threads = 2}}; // whose last coroutines use the stores
};

class AtOnce : public ReplicaTest {
 protected:
  AtOnce() : ReplicaTest(Replication::kAtOnce) {}
};

TEST_F(AtOnce, SearchesDocumentsAndPagesAreReadOnTheReplica) {
  PostgresStore& opened = open();
  auto store = waiting(opened);
  ASSERT_TRUE(store.put({}, make_document("a", "red apple")));
  EXPECT_EQ(served(opened), 0u);
  EXPECT_THAT(found(store, "apple"), ElementsAre("red apple"));
  EXPECT_EQ(served(opened), 1u);
  EXPECT_EQ(store.get({}, "a")->text, "red apple");
  EXPECT_EQ(served(opened), 2u);
  EXPECT_EQ(store.list({}, "", 10)->total, 1u);
  EXPECT_EQ(served(opened), 3u);
  EXPECT_EQ(repeated(opened), 0u);
  EXPECT_EQ(opened.replicas().status(0).in_flight, 0u);
}

TEST_F(AtOnce, WhatIsNotThereIsSaidOfTheNewestData) {
  PostgresStore& opened = open();
  auto store = waiting(opened);
  ASSERT_TRUE(store.put({}, make_document("a", "red apple")));
  const auto none = store.get({}, "b");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().message, "no such document");
  EXPECT_EQ(store.get({"default", "unknown"}, "a").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(store.search({.query_vector = {1, 0, 0}}).error().code, ErrorCode::kInvalidField);
  EXPECT_EQ(repeated(opened), 0u);
  EXPECT_EQ(opened.replicas().status(0).in_flight, 0u);
}

// The search has a snapshot, waits for no statement, and loses its connection.
TEST_F(AtOnce, AConflictWithWhatIsReplayedIsReadAgainOnThePrimary) {
  PostgresStore& opened = open();
  auto store = waiting(opened);
  ASSERT_TRUE(store.put({}, make_document("a", "red apple\ngreen apple")));
  database_->database().ask("CREATE TABLE other AS SELECT generate_series(1, 1000) AS n");
  int asked = 0;
  const auto choose = [&](const store::SearchResult& result) {
    if (++asked == 1) {
      run_sql(database_->database().url(), "DELETE FROM other");
      run_sql(database_->database().url(), "VACUUM other");
    }
    std::vector<std::uint64_t> ids;
    for (const auto& candidate : result.candidates) ids.push_back(candidate.chunk_id);
    return ids;
  };
  const auto reply = store.search({.query_text = "apple", .candidates = 10}, choose);
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->passages.size(), 2u);
  EXPECT_EQ(asked, 2);
  EXPECT_EQ(repeated(opened, RepeatReason::kConflict), 1u);
  EXPECT_THAT(found(store, "green"), ElementsAre("green apple"));
  EXPECT_EQ(served(opened), 1u);
}

TEST_F(ReplicaTest, NoReadIsStaleWhileReplayIsPausedNowAndThen) {
  PostgresStore& writer = open();
  PostgresStore& reader = open();
  auto write = waiting(writer);
  auto other = waiting(reader);
  for (int i = 0; i < 300; ++i) {
    if (i % 50 == 10) pause();
    if (i % 50 == 30) resume();
    const std::string text = fmt::format("version number{}", i);
    ASSERT_TRUE(write.put({}, make_document("a", text)));
    for (auto* store : {&write, &other}) {
      ASSERT_THAT(found(*store, fmt::format("number{}", i)), ElementsAre(text)) << i;
      ASSERT_EQ(store->get({}, "a")->text, text) << i;
      ASSERT_EQ(store->list({}, "", 10)->total, 1u);
    }
    if (i % 3 != 0) continue;
    ASSERT_TRUE(write.remove({}, "a"));
    for (auto* store : {&write, &other}) {
      ASSERT_THAT(found(*store, "version"), IsEmpty()) << i;
      ASSERT_EQ(store->get({}, "a").error().code, ErrorCode::kNotFound) << i;
      ASSERT_EQ(store->list({}, "", 10)->total, 0u);
    }
  }
  resume();
  for (PostgresStore* store : {&writer, &reader}) {
    EXPECT_GT(repeated(*store, RepeatReason::kBehind), 100u);
    // Upkeep deletes what a snapshot there may still need.
    EXPECT_EQ(repeated(*store),
              repeated(*store, RepeatReason::kBehind) + repeated(*store, RepeatReason::kConflict));
  }
}

TEST_F(ReplicaTest, ACollectionThatWasMadeAnewIsNeverTheOldOne) {
  PostgresStore& opened = open();
  auto store = waiting(opened);
  for (int i = 0; i < 30; ++i) {
    if (i % 10 == 3) pause();
    if (i % 10 == 7) resume();
    ASSERT_TRUE(store.put({}, make_document("a", "red apple")));
    ASSERT_TRUE(store.delete_collection({}));
    ASSERT_EQ(store.search({.query_text = "apple"}).error().code, ErrorCode::kNotFound);
    ASSERT_EQ(store.list({}, "", 10).error().code, ErrorCode::kNotFound);
    ASSERT_TRUE(store.create_collection({}));
    ASSERT_THAT(found(store, "apple"), IsEmpty());
    ASSERT_TRUE(store.delete_collection({}));
  }
  resume();
}

TEST_F(ReplicaTest, OneThatLagsLeavesTheRotationAndReturns) {
  Config config;
  config.rotation.max_replica_lag = 500ms;
  PostgresStore& opened = open(config);
  auto store = waiting(opened);
  pause();
  ASSERT_TRUE(store.put({}, make_document("a", "red apple")));
  ReplicatedDatabase::await_state(opened, ReplicaState::kLagging);
  EXPECT_GT(*opened.replicas().status(0).behind, 500ms);
  const std::uint64_t before = repeated(opened);
  EXPECT_THAT(found(store, "apple"), ElementsAre("red apple"));
  EXPECT_EQ(repeated(opened), before); // it was not asked
  resume();
  ReplicatedDatabase::await_state(opened, ReplicaState::kServing);
  EXPECT_THAT(found(store, "apple"), ElementsAre("red apple"));
  EXPECT_EQ(served(opened), 1u);
}

TEST_F(ReplicaTest, AnIdlePrimaryMakesNoLag) {
  Config config;
  config.rotation.max_replica_lag = 200ms;
  PostgresStore& opened = open(config);
  ASSERT_TRUE(waiting(opened).put({}, make_document("a", "red apple")));
  std::this_thread::sleep_for(3s);
  ReplicatedDatabase::await_state(opened, ReplicaState::kServing);
  std::this_thread::sleep_for(1500ms); // a look or two
  EXPECT_EQ(opened.replicas().status(0).state, ReplicaState::kServing);
}

TEST_F(ReplicaTest, OneThatDiesCostsNoReadAndReturns) {
  PostgresStore& opened = open();
  auto store = waiting(opened);
  ASSERT_TRUE(store.put({}, make_document("a", "red apple")));
  const auto served_again = [&, seen = served(opened)] {
    EXPECT_THAT(found(store, "apple"), ElementsAre("red apple"));
    return served(opened) > seen;
  };
  await(served_again, "the replica serves");
  database_->standby().kill();
  for (int i = 0; i < 100; ++i) ASSERT_THAT(found(store, "apple"), ElementsAre("red apple"));
  EXPECT_GT(repeated(opened, RepeatReason::kUnreachable), 0u);
  ReplicatedDatabase::await_state(opened, ReplicaState::kUnreachable);
  EXPECT_NE(opened.replicas().status(0).error, "");
  database_->standby().start();
  ReplicatedDatabase::await_state(opened, ReplicaState::kServing);
  const auto again = [&, seen = served(opened)] {
    EXPECT_THAT(found(store, "apple"), ElementsAre("red apple"));
    return served(opened) > seen;
  };
  await(again, "the replica serves again");
}

TEST_F(ReplicaTest, NoneNeedsToBeThereForAStart) {
  PostgresStore& opened = open_with("postgresql://raglan:canary@127.0.0.1:1/raglan");
  auto store = waiting(opened);
  ASSERT_TRUE(store.put({}, make_document("a", "red apple")));
  EXPECT_THAT(found(store, "apple"), ElementsAre("red apple"));
  ReplicatedDatabase::await_state(opened, ReplicaState::kUnreachable);
  const auto status = opened.replicas().status(0);
  EXPECT_EQ(status.server + " " + status.error,
            "127.0.0.1:1/raglan no connection to PostgreSQL: connection to server at "
            "\"127.0.0.1\", port 1 failed: Connection refused");
  EXPECT_EQ(repeated(opened), 0u);
}

TEST_F(ReplicaTest, WhatIsNoReplicaOfTheDatabaseIsNotRead) {
  const auto other = replicated_server().primary.make_standby();
  PostgresStore& promoted = open_with(database_->database().url_on(*other));
  ReplicatedDatabase::await_state(promoted, ReplicaState::kServing);
  database_->database().ask_in(database_->database().url_on(*other), "SELECT pg_promote()");
  ReplicatedDatabase::await_state(promoted, ReplicaState::kPromoted);

  PostgresStore& itself = open_with(database_->database().url());
  ReplicatedDatabase::await_state(itself, ReplicaState::kPromoted);
  PostgresStore& elsewhere = open_with(server().url());
  ReplicatedDatabase::await_state(elsewhere, ReplicaState::kStranger);
  PostgresStore& another_database = open_with(database_->standby().url());
  ReplicatedDatabase::await_state(another_database, ReplicaState::kStranger);
  for (PostgresStore* opened : {&promoted, &itself, &elsewhere, &another_database}) {
    auto store = waiting(*opened);
    ASSERT_TRUE(store.put({}, make_document("a", "red apple")));
    EXPECT_THAT(found(store, "apple"), ElementsAre("red apple"));
    EXPECT_EQ(served(*opened), 0u);
  }
}

// Between two looks: the read itself finds out.
TEST_F(ReplicaTest, OneThatIsPromotedBetweenTwoLooksIsNotBelieved) {
  const auto other = replicated_server().primary.make_standby();
  const std::string url = database_->database().url_on(*other);
  PostgresStore& opened = open_with(url);
  auto store = waiting(opened);
  ASSERT_TRUE(store.put({}, make_document("a", "red apple")));
  ReplicatedDatabase::await_state(opened, ReplicaState::kServing);
  database_->database().ask_in(url, "SELECT pg_promote()");
  run_sql(url, "UPDATE raglan.collection SET seq = seq + 1000");
  run_sql(url, "UPDATE raglan.document SET text = 'of another history'");
  for (int i = 0; i < 100; ++i) ASSERT_EQ(store.get({}, "a")->text, "red apple");
  ReplicatedDatabase::await_state(opened, ReplicaState::kPromoted);
}

TEST_F(ReplicaTest, OthersWritesMayBeMissedForAsLongAsIsAllowedAndOwnOnesNever) {
  Config config;
  config.max_staleness = 1h;
  PostgresStore& patient = open(config);
  PostgresStore& exact = open();
  auto store = waiting(patient);
  auto others = waiting(exact);
  ASSERT_TRUE(store.put({}, make_document("a", "red apple")));
  const auto read_there = [&] {
    EXPECT_THAT(found(store, "apple"), ElementsAre("red apple"));
    return served(patient) > 0;
  };
  await(read_there, "the replica serves");
  pause();
  ASSERT_TRUE(others.put({}, make_document("b", "green apple")));
  EXPECT_THAT(found(store, "green"), IsEmpty());
  EXPECT_THAT(found(others, "green"), ElementsAre("green apple"));
  EXPECT_TRUE(store.get({}, "b")); // of documents nothing is missed
  ASSERT_TRUE(store.put({}, make_document("c", "blue apple")));
  EXPECT_THAT(found(store, "blue"), ElementsAre("blue apple"));
  EXPECT_THAT(found(store, "green"), ElementsAre("green apple"));
  resume();
}

TEST_F(ReplicaTest, APoolWithoutAFreeConnectionIsNotWaitedForLong) {
  Config config;
  config.client.pool.pool_size = 1;
  config.client.pool.max_overflow = 0;
  config.client.pool.pool_timeout = 100ms;
  PostgresStore& opened = open(config);
  auto store = waiting(opened);
  ASSERT_TRUE(store.put({}, make_document("a", "red apple")));
  run_sql(database_->database().url(), "CREATE TABLE other AS SELECT 1 AS n");
  // A read that waits on the standby for a lock that is replayed and not given back yet.
  const std::unique_ptr<PGconn, void (*)(PGconn*)> holder(
      PQconnectdb(database_->database().url().c_str()), &PQfinish);
  const auto hold = [&](const char* sql) { PQclear(PQexec(holder.get(), sql)); };
  hold("BEGIN");
  hold("LOCK raglan.posting IN ACCESS EXCLUSIVE MODE");
  hold("SELECT pg_current_xact_id()"); // so that the lock is in the log
  const auto locked = [&] {
    return database_
               ->ask_standby(
                   "SELECT count(*) FROM pg_locks WHERE granted AND mode ="
                   " 'AccessExclusiveLock' AND relation ="
                   " 'raglan.posting'::regclass")
               .int64(0, 0) == 1;
  };
  await(locked, "the standby has the lock");
  std::vector<std::future<Result<store::Found>>> searches;
  const auto choose = [](const store::SearchResult&) { return std::vector<std::uint64_t>(); };
  for (int i = 0; i < 2; ++i) {
    searches.push_back(boost::asio::co_spawn(
        loops_.executor(0),
        opened.search({.query_text = "apple"}, choose, Deadline::after(10s, SystemClock().now())),
        boost::asio::use_future));
  }
  await([&] { return repeated(opened, RepeatReason::kNoPlace) == 1; }, "one found no place");
  await([&] { return repeated(opened) == 2; }, "the other waited no longer than is good");
  hold("COMMIT");
  int answered = 0;
  for (auto& each : searches) answered += each.get() ? 1 : 0;
  EXPECT_GE(answered, 1); // on the primary both wait for one connection, and one has to leave
}

TEST_F(ReplicaTest, WhoIsCancelledLeavesNoReadBehind) {
  PostgresStore& opened = open();
  auto store = waiting(opened);
  ASSERT_TRUE(store.put({}, make_document("a", "red apple")));
  for (int i = 0; i < 200; ++i) {
    auto signal = std::make_shared<boost::asio::cancellation_signal>();
    std::promise<void> ended;
    const auto choose = [](const store::SearchResult&) { return std::vector<std::uint64_t>(); };
    boost::asio::co_spawn(
        loops_.executor(0), opened.search({.query_text = "apple"}, choose, Deadline()),
        boost::asio::bind_cancellation_slot(
            signal->slot(), [&, signal](const std::exception_ptr&, const Result<store::Found>&) {
              ended.set_value();
            }));
    std::this_thread::sleep_for(i * 10us);
    loops_.post(0, [signal] { signal->emit(boost::asio::cancellation_type::terminal); });
    ended.get_future().wait();
  }
  EXPECT_EQ(opened.replicas().status(0).in_flight, 0u);
  EXPECT_THAT(found(store, "apple"), ElementsAre("red apple"));
}

} // namespace
} // namespace raglan::postgres_store

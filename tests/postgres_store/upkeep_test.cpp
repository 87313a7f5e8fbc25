// What happens to a store's tables behind the requests, and when many write at once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <numbers>
#include <thread>

#include "database_fixture.h"
#include "store/document_fixture_test.h"
#include "store/waiting_store_test.h"

namespace raglan::postgres_store {
namespace {

using store::Candidate;
using store::kSpace;
using store::make_document;
using store::PreparedDocument;
using store::WriteState;
using namespace std::chrono_literals;

class UpkeepTest : public testing::Test {
 protected:
  UpkeepTest() { loops_.start(); }
  ~UpkeepTest() override {
    loops_.stop();
    database_->stop();
  }

  PostgresStore& open() {
    auto opened = database_->open(kSpace);
    if (!opened) throw std::runtime_error(opened.error().message);
    return *stores_.emplace_back(std::move(*opened));
  }
  store::WaitingStore waiting(PostgresStore& opened) { return {opened, loops_}; }

  static std::vector<PreparedDocument> documents(int count, std::string_view text) {
    std::vector<PreparedDocument> made;
    for (int i = 0; i < count; ++i) {
      made.push_back(make_document(fmt::format("d{}", i), fmt::format("{} number{}", text, i)));
    }
    return made;
  }
  std::int64_t count(const std::string& sql) { return database_->ask(sql).int64(0, 0); }
  void await(const std::string& sql, std::int64_t value) {
    const Clock& clock = SystemClock::instance();
    const MonotonicTime patience = clock.now() + 60s;
    while (count(sql) != value && clock.now() < patience) std::this_thread::sleep_for(20ms);
    EXPECT_EQ(count(sql), value) << sql;
  }

  std::vector<std::unique_ptr<PostgresStore>> stores_;
  std::unique_ptr<Database> database_;
  net::EventLoops loops_{{.threads = 2}}; // whose last coroutines use the stores

  void SetUp() override { database_ = std::make_unique<Database>(loops_); }
};

TEST_F(UpkeepTest, ManyWritesLeaveFewSegments) {
  auto store = waiting(open());
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(store.put({}, make_document(fmt::format("d{}", i), "shared text")));
  }
  await("SELECT (count(*) < 15)::int::int8 FROM raglan.segment", 1);
  EXPECT_EQ(count("SELECT sum(chunks)::int8 FROM raglan.segment"), 100);
  EXPECT_EQ(count("SELECT count(*) FROM raglan.posting p LEFT JOIN raglan.segment s"
                  " USING (tenant, collection_id, segment_id) WHERE s.segment_id IS NULL"),
            0);
  EXPECT_EQ(store.search({.query_text = "shared", .candidates = 1'000})->candidates.size(), 100u);
}

TEST_F(UpkeepTest, PostingsOfWhatIsGoneAreTakenOut) {
  auto store = waiting(open());
  constexpr int kDocuments = 1'000;
  (void)store.put_many({}, documents(kDocuments, "before"));
  EXPECT_EQ(count("SELECT count(*) FROM raglan.dead_chunk"), 0);
  // What a node keeps of them must not come back once they are not told of as dead any more.
  EXPECT_EQ(store.search({.query_text = "before", .candidates = 10})->candidates.size(), 10u);
  (void)store.put_many({}, documents(kDocuments, "after"));
  await("SELECT count(*) FROM raglan.dead_chunk", 0);
  EXPECT_EQ(store.search({.query_text = "before", .candidates = 10})->candidates.size(), 0u);
  EXPECT_EQ(store.search({.query_text = "after", .candidates = 2'000})->candidates.size(),
            static_cast<std::size_t>(kDocuments));
  EXPECT_EQ(count("SELECT count(*) FROM raglan.posting WHERE octet_length(entries) < 4"), 0);
}

// What those want who spread tables by a column: it leads the table, and is in all that is unique.
TEST_F(UpkeepTest, EveryTableIsLedByTheTenant) {
  open();
  const std::string tables =
      " pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'raglan'"
      " AND c.relkind = 'r' AND c.relname NOT IN ('store', 'schema_version')"; // one row each
  EXPECT_GE(count("SELECT count(*) FROM" + tables), 8);
  EXPECT_EQ(count("SELECT count(*) FROM" + tables +
                  " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = 1"
                  " WHERE a.attname <> 'tenant'"),
            0);
  EXPECT_EQ(count("SELECT count(*) FROM" + tables +
                  " JOIN pg_index i ON i.indrelid = c.oid AND i.indisunique"
                  " WHERE i.indkey[0] <> 1"),
            0);
}

// On a circle, each somewhere else: an index of equal vectors is slow to build.
std::vector<float> on_circle(int place) {
  const double angle = place * 2 * std::numbers::pi / 20'000;
  return {static_cast<float>(std::cos(angle)), static_cast<float>(std::sin(angle))};
}

TEST_F(UpkeepTest, ALargeCollectionGetsAnIndexOfItsOwn) {
  PostgresStore& opened = open();
  opened.begin_upkeep();
  auto store = waiting(opened);
  const store::CollectionKey large{"default", "large"};
  std::vector<PreparedDocument> all;
  for (int i = 0; i < 20'000; i += 100) {
    std::string text;
    for (int line = i; line < i + 100; ++line) text += fmt::format("line{}\n", line);
    all.push_back(make_document(fmt::format("d{}", i), text, i == 500 ? R"({"rare":1})" : "{}"));
    all.back().vectors.clear();
    for (int line = i; line < i + 100; ++line) {
      const std::vector<float> vector = on_circle(line);
      all.back().vectors.insert(all.back().vectors.end(), vector.begin(), vector.end());
    }
  }
  all.back().chunks.pop_back(); // one fewer than there must be
  all.back().vectors.resize(all.back().chunks.size() * 2);
  for (const auto& state : store.put_many(large, all)) ASSERT_EQ(state, WriteState::kIndexed);
  ASSERT_TRUE(store.put({}, make_document("small", "small")));
  const std::string indexes = "SELECT count(*) FROM pg_indexes WHERE indexname LIKE '%hnsw%'";
  EXPECT_EQ(count(indexes), 0);
  ASSERT_EQ(store.put(large, make_document("last", "last")), WriteState::kIndexed);
  await("SELECT count(*) FROM raglan.collection WHERE hnsw", 1);
  EXPECT_EQ(count(indexes), 1);
  const auto exact = store.search(
      {.collection = large, .query_vector = on_circle(77), .candidates = 50, .exact = true});
  const auto by_index =
      store.search({.collection = large, .query_vector = on_circle(77), .candidates = 50});
  ASSERT_EQ(by_index->candidates.size(), 50u);
  EXPECT_NEAR(by_index->candidates.back().cosine, exact->candidates.back().cosine, 1e-3);
  const auto filtered = store.search({.collection = large,
                                      .query_vector = on_circle(77),
                                      .filter = store::Filter{.type = store::Filter::Type::kEq,
                                                              .key = "rare",
                                                              .values_json = {"1"},
                                                              .filters = {}},
                                      .candidates = 100});
  EXPECT_EQ(filtered->candidates.size(), 100u);
  ASSERT_TRUE(store.delete_collection(large));
  await(indexes, 0);                                          // behind the request
  EXPECT_EQ(count("SELECT count(*) FROM raglan.posting"), 2); // of the small one: a title, a word
}

TEST_F(UpkeepTest, AProgramThatDoesNotStayBuildsNoIndexAndTheNextNodeDoes) {
  auto passing = waiting(open());
  (void)passing.put_many({}, documents(1, "text"));
  database_->ask("UPDATE raglan.collection SET chunks = 20000");
  for (int i = 0; i < 30; ++i) { // it is looked at after each of them
    ASSERT_TRUE(passing.put({}, make_document(fmt::format("more{}", i), "text")));
  }
  EXPECT_EQ(count("SELECT count(*) FROM raglan.collection WHERE hnsw"), 0);
  open().begin_upkeep();
  await("SELECT count(*) FROM raglan.collection WHERE hnsw", 1);
}

TEST_F(UpkeepTest, WritersOfTheSameDocumentsWaitForEachOther) {
  constexpr int kWriters = 4;
  constexpr int kRounds = 15;
  std::vector<std::thread> writers;
  std::atomic<int> failed = 0;
  for (int writer = 0; writer < kWriters; ++writer) {
    PostgresStore& opened = open();
    writers.emplace_back([&, writer] {
      auto store = waiting(opened);
      for (int round = 0; round < kRounds; ++round) {
        auto mine = documents(20, fmt::format("writer{} round{}", writer, round));
        if (writer % 2 == 1) std::ranges::reverse(mine);
        for (const auto& state : store.put_many({}, mine)) failed += state ? 0 : 1;
        if (round % 5 == 4) (void)store.remove({}, fmt::format("d{}", writer));
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(failed, 0);
  auto store = waiting(*stores_.front());
  const auto stats = store.collection({});
  EXPECT_EQ(static_cast<std::int64_t>(stats->documents),
            count("SELECT count(*) FROM raglan.document"));
  EXPECT_EQ(static_cast<std::int64_t>(stats->chunks), count("SELECT count(*) FROM raglan.chunk"));
  EXPECT_EQ(count("SELECT terms FROM raglan.collection"),
            count("SELECT sum(length_terms)::int8 FROM raglan.chunk"));
  EXPECT_EQ(store.search({.query_text = "number7", .candidates = 100})->candidates.size(), 1u);
}

// The seq and nonce with which a search is answered are those of the data that it saw.
TEST_F(UpkeepTest, GenerationsAscendInTheOrderOfCommits) {
  PostgresStore& opened = open();
  auto reader = waiting(opened);
  ASSERT_TRUE(reader.create_collection({}));
  std::atomic<bool> stop = false;
  std::vector<std::thread> writers;
  for (int writer = 0; writer < 3; ++writer) {
    PostgresStore& theirs = open();
    writers.emplace_back([&, writer] {
      auto store = waiting(theirs);
      for (int i = 0; !stop; ++i) {
        (void)store.put({}, make_document(fmt::format("w{}", writer), fmt::format("text {}", i)));
      }
    });
  }
  store::Generation last;
  for (int i = 0; i < 200; ++i) {
    const auto result = reader.search({.query_text = "text", .candidates = 10});
    ASSERT_TRUE(result);
    EXPECT_GE(result->generation.seq, last.seq);
    last = result->generation;
  }
  stop = true;
  for (std::thread& writer : writers) writer.join();
}

// A search of hybrid kind: however many candidates, passages and documents there are.
TEST_F(UpkeepTest, AnyNumberOfIdsIsOneStatement) {
  (void)waiting(open()).put_many({}, documents(500, "shared")); // its upkeep is not counted
  std::atomic<int> statements = 0;
  const auto count = [&](std::string_view) { ++statements; };
  auto opened = database_->open(kSpace, {}, {.on_wait = {}, .on_statement = count});
  ASSERT_TRUE(opened);
  stores_.push_back(std::move(*opened));
  auto store = waiting(*stores_.back());
  for (const std::uint32_t candidates : {5u, 50u, 500u}) {
    statements = 0;
    const auto choose = [](const store::SearchResult& found) {
      std::vector<std::uint64_t> ids;
      for (const Candidate& candidate : found.candidates) ids.push_back(candidate.chunk_id);
      return ids;
    };
    const auto found = store.search(
        {.query_vector = store::vector_of("x"), .query_text = "shared", .candidates = candidates},
        choose);
    ASSERT_TRUE(found);
    EXPECT_GE(found->passages.size(), candidates);
    EXPECT_LE(statements, 8);
    statements = 0;
    std::vector<std::string> ids;
    for (std::uint32_t i = 0; i < candidates; ++i) ids.push_back(fmt::format("d{}", i));
    EXPECT_EQ(store.stored_versions({}, ids)->size(), candidates);
    EXPECT_EQ(statements, 1);
  }
}

} // namespace
} // namespace raglan::postgres_store

// What a node keeps of postings, while it and others write.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "database_fixture.h"
#include "store/document_fixture_test.h"
#include "store/waiting_store_test.h"

namespace raglan::postgres_store {
namespace {

using store::kSpace;
using store::make_document;
using testing::ElementsAre;
using testing::IsEmpty;

class KeptPostingsTest : public testing::Test {
 protected:
  KeptPostingsTest() { loops_.start(); }
  ~KeptPostingsTest() override {
    loops_.stop();
    database_->stop();
  }

  PostgresStore& open(Config config = {}) {
    auto opened = database_->open(kSpace, config);
    if (!opened) throw std::runtime_error(opened.error().message);
    return *stores_.emplace_back(std::move(*opened));
  }

  // Documents that are found, the best first.
  std::vector<std::string> found(PostgresStore& opened, std::string question,
                                 store::CollectionKey key = {}) {
    const auto all = [](const store::SearchResult& result) {
      std::vector<std::uint64_t> ids;
      for (const store::Candidate& each : result.candidates) ids.push_back(each.chunk_id);
      return ids;
    };
    auto result = net::run_on(loops_.executor(0), opened.search({.collection = std::move(key),
                                                                 .query_text = std::move(question),
                                                                 .candidates = 100},
                                                                all, Deadline()));
    EXPECT_TRUE(result) << result.error().message;
    std::vector<std::string> ids;
    for (const store::Passage& passage : result->passages) ids.push_back(passage.chunk.document_id);
    return ids;
  }
  void put(PostgresStore& opened, const std::string& id, const std::string& text) {
    store::WaitingStore store(opened, loops_);
    ASSERT_TRUE(store.put({}, make_document(id, text)));
  }

  void SetUp() override { database_ = std::make_unique<Database>(loops_); }

  std::vector<std::unique_ptr<PostgresStore>> stores_;
  std::unique_ptr<Database> database_;
  net::EventLoops loops_{{.threads = 2}}; // whose last coroutines use the stores
};

TEST_F(KeptPostingsTest, AreFetchedOnce) {
  PostgresStore& node = open();
  put(node, "a", "apple pear");
  EXPECT_THAT(found(node, "apple plum"), ElementsAre("a"));
  EXPECT_EQ(node.postings().stats().hits, 0u);
  EXPECT_EQ(node.postings().stats().entries, 2u); // that there is no plum is kept as well
  EXPECT_THAT(found(node, "apple plum"), ElementsAre("a"));
  EXPECT_EQ(node.postings().stats().hits, 2u);
  // A second look at the table would find nothing now.
  database_->ask("UPDATE raglan.posting SET entries = ''");
  EXPECT_THAT(found(node, "apple plum"), ElementsAre("a"));
  EXPECT_THAT(found(open(), "apple"), IsEmpty());
}

TEST_F(KeptPostingsTest, AnotherNodesWritesAreFoundAtOnce) {
  PostgresStore& node = open();
  PostgresStore& other = open();
  put(node, "a", "apple");
  EXPECT_THAT(found(node, "apple"), ElementsAre("a"));
  put(other, "b", "apple and more that makes it longer");
  EXPECT_THAT(found(node, "apple"), ElementsAre("a", "b"));
  put(other, "a", "pear");
  EXPECT_THAT(found(node, "apple"), ElementsAre("b"));
  store::WaitingStore store(other, loops_);
  ASSERT_TRUE(store.remove({}, "b"));
  EXPECT_THAT(found(node, "apple"), IsEmpty());
  EXPECT_THAT(found(node, "pear"), ElementsAre("a"));
}

TEST_F(KeptPostingsTest, NoTermOfAnotherCollectionOrTenantIsTakenForOurs) {
  PostgresStore& node = open();
  store::WaitingStore store(node, loops_);
  ASSERT_TRUE(store.put({"amber", "notes"}, make_document("a", "apple")));
  ASSERT_TRUE(store.put({"birch", "notes"}, make_document("b", "apple")));
  put(node, "c", "apple");
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(found(node, "apple", {"amber", "notes"}), ElementsAre("a"));
    EXPECT_THAT(found(node, "apple", {"birch", "notes"}), ElementsAre("b"));
    EXPECT_THAT(found(node, "apple"), ElementsAre("c"));
  }
}

TEST_F(KeptPostingsTest, ASegmentOfTheSameNumberWithOtherContentsIsAnotherOne) {
  // As after a failover that has lost the last write: its numbers are given out again.
  PostgresStore& node = open();
  put(node, "a", "apple");
  EXPECT_THAT(found(node, "apple"), ElementsAre("a"));
  const auto number = database_->ask("SELECT segment_id FROM raglan.segment").int64(0, 0);
  database_->ask("DELETE FROM raglan.segment");
  database_->ask("DELETE FROM raglan.posting");
  database_->ask(
      fmt::format("ALTER TABLE raglan.segment ALTER COLUMN segment_id RESTART WITH {}", number));
  put(node, "b", "pear");
  EXPECT_EQ(database_->ask("SELECT max(segment_id) FROM raglan.segment").int64(0, 0), number);
  EXPECT_THAT(found(node, "apple"), IsEmpty());
  EXPECT_THAT(found(node, "pear"), ElementsAre("b"));
}

TEST_F(KeptPostingsTest, NoneWithoutMemoryForThem) {
  PostgresStore& node = open({.postings_cache_bytes = 0});
  put(node, "a", "apple");
  for (int i = 0; i < 2; ++i) EXPECT_THAT(found(node, "apple"), ElementsAre("a"));
  EXPECT_EQ(node.postings().stats().entries, 0u);
}

TEST_F(KeptPostingsTest, TablesOfTheVersionBeforeAreBroughtUpToDate) {
  put(open(), "a", "apple");
  database_->ask("ALTER TABLE raglan.segment DROP COLUMN contents");
  database_->ask("DELETE FROM raglan.schema_version");
  database_->ask("INSERT INTO raglan.schema_version (version) VALUES (2)");
  PostgresStore& node = open();
  put(node, "b", "apple");
  for (int i = 0; i < 2; ++i) EXPECT_THAT(found(node, "apple"), ElementsAre("a", "b"));
  EXPECT_EQ(database_->ask("SELECT count(DISTINCT contents) FROM raglan.segment").int64(0, 0), 2);
}

} // namespace
} // namespace raglan::postgres_store

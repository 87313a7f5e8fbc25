#include "store/embedded_store.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <thread>

#include "store/collection_index.h"
#include "store/collection_table.h"
#include "store/document_reads.h"
#include "store/index_feed.h"
#include "store/store_fixture_test.h"

namespace raglan::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using Texts = std::set<std::string>;

class EmbeddedStoreTest : public ::testing::Test {
 protected:
  TemporaryFolder folder_;
  std::unique_ptr<EmbeddedStore> store_ = open_store(folder_);
};

TEST_F(EmbeddedStoreTest, AnyNumberOfPassagesOrVersionsIsOneStatement) {
  ASSERT_TRUE(store_->put({}, make_document("a", "one\ntwo\nthree")));
  StatementCounts statements;
  auto connection = Connection::open(folder_.database(), {.executed = &statements});
  ASSERT_TRUE(connection);
  statements.reads = 0;
  EXPECT_EQ(read_passages(*connection, {}, std::vector<std::uint64_t>{1, 2, 3, 4})->size(), 3u);
  EXPECT_EQ(statements.reads, 1u);
  EXPECT_TRUE(read_stored_versions(*connection, {}, std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(statements.reads, 2u);
}

TEST_F(EmbeddedStoreTest, AnIndexCatchesUpWithAnyNumberOfDocumentsByOneStatement) {
  ASSERT_TRUE(store_->put({}, make_document("first", "one")));
  const std::uint64_t seq = store_->generation({})->seq;
  std::vector<PreparedDocument> documents;
  for (int i = 0; i < 50; ++i) {
    documents.push_back(make_document(fmt::format("d{}", i), "one\ntwo\nthree"));
  }
  documents.push_back(make_document("first", "two\nthree")); // replaced
  for (const auto& state : store_->put_many({}, documents)) EXPECT_EQ(state, WriteState::kIndexed);
  StatementCounts statements;
  auto connection = Connection::open(folder_.database(), {.executed = &statements});
  ASSERT_TRUE(connection);
  const auto collection = find_collection(*connection, {});
  ASSERT_TRUE(collection);
  for (const std::uint64_t after : {std::uint64_t{0}, seq}) {
    statements.reads = 0;
    IndexBatch batch;
    EXPECT_TRUE(read_added_chunks(*connection, {"default", collection->id, collection->dimension},
                                  after, batch, [] { return Result<>(); }));
    EXPECT_EQ(statements.reads, 1u);
    ASSERT_EQ(batch.size(), 152u);
    EXPECT_EQ(batch.entries().back().text, "Title\nthree");
  }
}

TEST_F(EmbeddedStoreTest, ManyDocumentsTakeFewStatements) {
  std::vector<PreparedDocument> documents;
  for (int i = 0; i < 96; ++i) documents.push_back(make_document(fmt::format("d{}", i), "text"));
  const auto statements_of = [&] {
    const std::uint64_t before = store_->statements().writes;
    for (const auto& state : store_->put_many({}, documents)) {
      EXPECT_EQ(state, WriteState::kIndexed);
    }
    return store_->statements().writes - before;
  };
  EXPECT_LE(statements_of(), 25u); // rows of five tables in blocks of 32, and those of any commit
  for (PreparedDocument& each : documents) each.document.content_hash.bytes[0] ^= 1;
  EXPECT_LE(statements_of(), 25u);
}

TEST_F(EmbeddedStoreTest, AProcessThatOnlyWritesLeavesASnapshotOfTheLastWrite) {
  store_ = open_store(
      folder_, {.snapshot_at_close_chunks = 1, .upkeep_interval = std::chrono::milliseconds(1)});
  ASSERT_TRUE(store_->put({}, make_document("a", "red apple")));
  while (store_->index_size().chunks == 0) std::this_thread::yield();
  ASSERT_TRUE(store_->put({}, make_document("b", "green apple")));
  const Generation generation = *store_->generation({});
  store_->close();
  const auto snapshot = std::filesystem::path(folder_.database()) += ".snapshots/1.index";
  auto saved =
      CollectionIndex::load(snapshot, {generation.epoch, kSpace.embedder_id, kSpace.dimension}, {});
  ASSERT_TRUE(saved);
  EXPECT_EQ((*saved)->seq(), generation.seq);
  EXPECT_EQ((*saved)->size(), 2u);
}

TEST_F(EmbeddedStoreTest, LoadReportsEveryChunk) {
  ASSERT_TRUE(store_->put({"default", "x"}, make_document("a", "one\ntwo")));
  ASSERT_TRUE(store_->put({"default", "y"}, make_document("a", "three")));
  ASSERT_TRUE(store_->create_collection({"default", "empty"}));
  store_.reset();
  store_ = open_store(folder_);
  LoadProgress last;
  ASSERT_TRUE(store_->load_indexes([&](LoadProgress progress) { last = progress; }));
  EXPECT_EQ(last.chunks_loaded, 3u);
  EXPECT_EQ(last.chunks_total, 3u);
}

TEST_F(EmbeddedStoreTest, ClosedStoreRefusesWritesAndStillReads) {
  ASSERT_TRUE(store_->put({}, make_document("a", "red apple")));
  store_->close();
  EXPECT_EQ(code_of(store_->put({}, make_document("b", "green apple"))), ErrorCode::kDraining);
  EXPECT_EQ(found_texts(*store_, "apple"), Texts{"red apple"});
}

} // namespace
} // namespace raglan::store

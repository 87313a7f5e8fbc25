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

TEST_F(EmbeddedStoreTest, DocumentIsFoundOnceItIsAcknowledged) {
  ASSERT_EQ(store_->put({}, make_document("a", "red apple\ngreen pear")), WriteState::kIndexed);
  EXPECT_EQ(found_texts(*store_, "pear"), Texts{"green pear"});
  auto document = store_->get({}, "a");
  ASSERT_TRUE(document);
  EXPECT_EQ(document->text, "red apple\ngreen pear");
  EXPECT_EQ(document->chunk_count, 2u);
  EXPECT_EQ(document->title, "Title");
  EXPECT_GT(document->updated_at, WallTime{});
}

TEST_F(EmbeddedStoreTest, EqualContentHashWritesNothing) {
  ASSERT_EQ(store_->put({}, make_document("a", "red apple")), WriteState::kIndexed);
  const Generation before = *store_->generation({});
  EXPECT_EQ(store_->put({}, make_document("a", "red apple")), WriteState::kUnchanged);
  EXPECT_EQ(*store_->generation({}), before);
}

TEST_F(EmbeddedStoreTest, SameIdReplacesEveryPartOfTheDocument) {
  ASSERT_TRUE(store_->put({}, make_document("a", "red apple\ngreen apple", R"({"kind":"old"})")));
  ASSERT_EQ(store_->put({}, make_document("a", "blue apple", R"({"kind":"new"})")),
            WriteState::kIndexed);
  EXPECT_EQ(found_texts(*store_, "apple"), Texts{"blue apple"});
  const Filter old{.type = Filter::Type::kEq, .key = "kind", .values_json = {"\"old\""}};
  EXPECT_THAT(found_texts(*store_, "apple", {}, old), IsEmpty());
  auto stats = store_->collection({});
  ASSERT_TRUE(stats);
  EXPECT_EQ(stats->documents, 1u);
  EXPECT_EQ(stats->chunks, 1u);
}

TEST_F(EmbeddedStoreTest, RemovedDocumentIsGoneAtOnce) {
  ASSERT_TRUE(store_->put({}, make_document("a", "red apple")));
  ASSERT_EQ(found_texts(*store_, "apple"), Texts{"red apple"});
  ASSERT_TRUE(store_->remove({}, "a"));
  EXPECT_THAT(found_texts(*store_, "apple"), IsEmpty());
  EXPECT_EQ(code_of(store_->get({}, "a")), ErrorCode::kNotFound);
  EXPECT_EQ(code_of(store_->remove({}, "a")), ErrorCode::kNotFound);
  EXPECT_EQ(store_->collection({})->chunks, 0u);
}

TEST_F(EmbeddedStoreTest, ChunkIdsAreNeverUsedTwice) {
  ASSERT_TRUE(store_->put({}, make_document("a", "red apple")));
  const auto first = store_->search({.query_text = "apple"});
  ASSERT_TRUE(store_->remove({}, "a"));
  ASSERT_TRUE(store_->put({}, make_document("a", "red apple")));
  const auto second = store_->search({.query_text = "apple"});
  ASSERT_EQ(first->candidates.size(), 1u);
  ASSERT_EQ(second->candidates.size(), 1u);
  EXPECT_GT(second->candidates[0].chunk_id, first->candidates[0].chunk_id);
}

TEST_F(EmbeddedStoreTest, EveryWriteRaisesTheGenerationThatSearchReports) {
  ASSERT_TRUE(store_->put({}, make_document("a", "red apple")));
  const Generation first = *store_->generation({});
  EXPECT_EQ(store_->search({.query_text = "apple"})->generation, first);
  ASSERT_TRUE(store_->remove({}, "a"));
  const Generation second = *store_->generation({});
  EXPECT_GT(second.seq, first.seq);
  EXPECT_EQ(second.epoch, first.epoch);
  EXPECT_EQ(store_->search({.query_text = "apple"})->generation, second);
}

TEST_F(EmbeddedStoreTest, RecreatedCollectionNeverRepeatsAGeneration) {
  ASSERT_TRUE(store_->put({}, make_document("a", "red apple")));
  const Generation before = *store_->generation({});
  ASSERT_TRUE(store_->delete_collection({}));
  EXPECT_EQ(code_of(store_->generation({})), ErrorCode::kNotFound);
  EXPECT_EQ(code_of(store_->search({.query_text = "apple"})), ErrorCode::kNotFound);
  ASSERT_TRUE(store_->create_collection({}));
  EXPECT_GT(store_->generation({})->seq, before.seq);
  EXPECT_THAT(found_texts(*store_, "apple"), IsEmpty());
}

TEST_F(EmbeddedStoreTest, CollectionIsCreatedOnceAndListedByName) {
  ASSERT_TRUE(store_->create_collection({"default", "b"}));
  ASSERT_TRUE(store_->create_collection({"default", "a"}));
  EXPECT_EQ(code_of(store_->create_collection({"default", "a"})), ErrorCode::kConflict);
  EXPECT_EQ(code_of(store_->create_collection({"default", ""})), ErrorCode::kInvalidField);
  EXPECT_EQ(code_of(store_->create_collection({"default", std::string(129, 'x')})),
            ErrorCode::kInvalidField);
  EXPECT_EQ(code_of(store_->create_collection({"default", "\xff"})), ErrorCode::kInvalidField);
  auto collections = store_->list_collections("default");
  ASSERT_TRUE(collections);
  ASSERT_EQ(collections->size(), 2u);
  EXPECT_EQ((*collections)[0].name, "a");
  EXPECT_EQ((*collections)[1].name, "b");
}

TEST_F(EmbeddedStoreTest, NothingCrossesATenant) {
  const CollectionKey ours{"acme", "docs"};
  const CollectionKey theirs{"evil", "docs"};
  ASSERT_TRUE(store_->put(ours, make_document("a", "secret plan")));
  const auto chunk_id =
      store_->search({.collection = ours, .query_text = "plan"})->candidates.at(0).chunk_id;
  EXPECT_THAT(*store_->list_collections("evil"), IsEmpty());
  EXPECT_EQ(code_of(store_->collection(theirs)), ErrorCode::kNotFound);
  EXPECT_EQ(code_of(store_->generation(theirs)), ErrorCode::kNotFound);
  EXPECT_EQ(code_of(store_->get(theirs, "a")), ErrorCode::kNotFound);
  EXPECT_EQ(code_of(store_->remove(theirs, "a")), ErrorCode::kNotFound);
  EXPECT_EQ(code_of(store_->list(theirs, "", 10)), ErrorCode::kNotFound);
  EXPECT_EQ(code_of(store_->search({.collection = theirs, .query_text = "plan"})),
            ErrorCode::kNotFound);
  EXPECT_EQ(code_of(store_->delete_collection(theirs)), ErrorCode::kNotFound);

  ASSERT_TRUE(store_->put(theirs, make_document("b", "another plan", R"({"a":1})")));
  EXPECT_EQ(code_of(store_->get(theirs, "a")), ErrorCode::kNotFound);
  EXPECT_EQ(found_texts(*store_, "plan", theirs), Texts{"another plan"});
  EXPECT_EQ(found_texts(*store_, "plan", theirs, Filter{}), Texts{"another plan"});
  EXPECT_THAT(*store_->passages(theirs, std::vector{chunk_id}), IsEmpty());
  EXPECT_THAT(*store_->stored_versions(theirs, std::vector<std::string>{"a"}),
              ElementsAre(std::nullopt));
  ASSERT_TRUE(store_->delete_collection(theirs));
  EXPECT_EQ(found_texts(*store_, "plan", ours), Texts{"secret plan"});
}

TEST_F(EmbeddedStoreTest, CollectionsOfOneTenantAreApart) {
  ASSERT_TRUE(store_->put({"default", "x"}, make_document("a", "red apple")));
  ASSERT_TRUE(store_->put({"default", "y"}, make_document("a", "green apple")));
  EXPECT_EQ(found_texts(*store_, "apple", {"default", "x"}), Texts{"red apple"});
  EXPECT_EQ(store_->get({"default", "y"}, "a")->text, "green apple");
}

TEST_F(EmbeddedStoreTest, PassagesKeepTheOrderAndLeaveOutWhatIsGone) {
  ASSERT_TRUE(store_->put({}, make_document("a", "one\ntwo\nthree")));
  const auto found = store_->search({.query_vector = {1, 0}, .candidates = 10});
  std::vector<std::uint64_t> ids;
  for (const Candidate& candidate : found->candidates) ids.push_back(candidate.chunk_id);
  std::ranges::sort(ids, std::greater{});
  ASSERT_EQ(ids.size(), 3u);
  ids.insert(ids.begin() + 1, {0, 999'999, ~std::uint64_t{0}});
  auto passages = store_->passages({}, ids);
  ASSERT_TRUE(passages);
  ASSERT_EQ(passages->size(), 3u);
  EXPECT_EQ((*passages)[0].chunk.text, "three");
  EXPECT_EQ((*passages)[1].chunk.text, "two");
  EXPECT_EQ((*passages)[2].chunk.text, "one");
  EXPECT_EQ((*passages)[0].chunk.document_id, "a");
  EXPECT_EQ((*passages)[0].chunk.start, 8u);
  EXPECT_EQ((*passages)[0].uri, "file:x");
  EXPECT_THAT(*store_->passages({}, {}), IsEmpty());
}

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

TEST_F(EmbeddedStoreTest, OfManyDocumentsOneFailsAlone) {
  std::vector<PreparedDocument> documents;
  for (int i = 0; i < 5; ++i) documents.push_back(make_document(fmt::format("d{}", i), "text"));
  documents[3].document.id = documents[1].document.id; // within one statement neither can be
  documents[3].document.content_hash.bytes[0] ^= 1;
  for (const auto& state : store_->put_many({}, documents)) EXPECT_EQ(state, WriteState::kIndexed);
  EXPECT_EQ(store_->collection({})->documents, 4u); // the later one stays
  EXPECT_EQ(store_->get({}, documents[3].document.id)->content_hash,
            documents[3].document.content_hash);
}

TEST_F(EmbeddedStoreTest, StoredVersionsFollowTheIds) {
  const auto strange = std::string("q\"uo\\te' OR 1=1 --\xe2\x82\xac");
  ASSERT_TRUE(store_->put({}, make_document("a", "one")));
  ASSERT_TRUE(store_->put({}, make_document(strange, "two\nthree")));
  const std::vector<std::string> ids{"none", strange, "a", std::string("a\0b", 3), "\xff", ""};
  auto versions = store_->stored_versions({}, ids);
  ASSERT_TRUE(versions);
  const StoredVersion one{make_document("a", "one").document.content_hash, 1};
  const StoredVersion two{make_document(strange, "two\nthree").document.content_hash, 2};
  EXPECT_THAT(*versions,
              ElementsAre(std::nullopt, two, one, std::nullopt, std::nullopt, std::nullopt));
  EXPECT_THAT(*store_->stored_versions({"default", "unknown"}, std::vector<std::string>{"a"}),
              ElementsAre(std::nullopt));
}

TEST_F(EmbeddedStoreTest, PagesCoverTheCollectionOnce) {
  std::vector<PreparedDocument> documents;
  for (int i = 0; i < 25; ++i) documents.push_back(make_document(fmt::format("d{:02}", i), "text"));
  for (const auto& state : store_->put_many({}, documents)) ASSERT_EQ(state, WriteState::kIndexed);
  std::vector<std::string> ids;
  std::string after;
  for (int page_number = 0; page_number < 3; ++page_number) {
    auto page = store_->list({}, after, 10);
    ASSERT_TRUE(page);
    EXPECT_EQ(page->total, 25u);
    EXPECT_EQ(page->more, page_number < 2);
    for (const Document& document : page->documents) {
      EXPECT_EQ(document.text, "");
      ids.push_back(document.id);
    }
    after = ids.back();
  }
  ASSERT_EQ(ids.size(), 25u);
  EXPECT_TRUE(std::ranges::is_sorted(ids));
  EXPECT_THAT(store_->list({}, after, 10)->documents, IsEmpty());
  EXPECT_EQ(store_->list({}, "", 25)->more, false);
  EXPECT_EQ(store_->list({}, "", 0)->more, true);
  EXPECT_EQ(store_->list({}, "", ~std::uint32_t{0})->documents.size(), 25u);
}

TEST_F(EmbeddedStoreTest, DocumentsOfOneCallSucceedAndFailAlone) {
  std::vector<PreparedDocument> documents;
  documents.push_back(make_document("a", "red apple"));
  documents.push_back(make_document("", "no id"));
  documents.push_back(make_document("b", "bad metadata", "[]"));
  documents.push_back(make_document("c", "green apple"));
  documents.push_back(make_document("a", "blue apple"));
  documents.push_back(make_document("d", "x", R"({"a":")" + std::string(70'000, 'x') + "\"}"));
  const auto states = store_->put_many({}, documents);
  ASSERT_EQ(states.size(), 6u);
  EXPECT_EQ(states[0], WriteState::kIndexed);
  EXPECT_EQ(code_of(states[1]), ErrorCode::kInvalidField);
  EXPECT_EQ(states[1].error().param, "/id");
  EXPECT_EQ(code_of(states[2]), ErrorCode::kInvalidField);
  EXPECT_EQ(states[3], WriteState::kIndexed);
  EXPECT_EQ(states[4], WriteState::kIndexed);
  EXPECT_EQ(code_of(states[5]), ErrorCode::kTooLarge);
  EXPECT_EQ(found_texts(*store_, "apple"), (Texts{"green apple", "blue apple"}));
}

TEST_F(EmbeddedStoreTest, DocumentThatBreaksTheRulesIsRefused) {
  auto wrong_span = make_document("a", "red apple");
  wrong_span.chunks[0].end = 100;
  EXPECT_EQ(code_of(store_->put({}, wrong_span)), ErrorCode::kInvalidField);
  auto backwards = make_document("a", "red apple");
  std::swap(backwards.chunks[0].start, backwards.chunks[0].end);
  EXPECT_EQ(code_of(store_->put({}, backwards)), ErrorCode::kInvalidField);
  auto missing_vector = make_document("a", "red apple\ngreen apple");
  missing_vector.vectors.resize(2);
  EXPECT_EQ(code_of(store_->put({}, missing_vector)), ErrorCode::kInvalidField);
  auto not_a_number = make_document("a", "red apple");
  not_a_number.vectors[0] = std::nanf("");
  EXPECT_EQ(code_of(store_->put({}, not_a_number)), ErrorCode::kInvalidField);
  EXPECT_EQ(code_of(store_->put({}, make_document("a", "bad \xc3\x28 bytes"))),
            ErrorCode::kInvalidField);
  EXPECT_EQ(code_of(store_->put({}, make_document(std::string(513, 'x'), "long id"))),
            ErrorCode::kInvalidField);
  EXPECT_EQ(code_of(store_->collection({})), ErrorCode::kNotFound); // not even created
}

TEST_F(EmbeddedStoreTest, EmptyDocumentIsKeptAndFoundByNothing) {
  ASSERT_EQ(store_->put({}, make_document("a", "")), WriteState::kIndexed);
  EXPECT_EQ(store_->get({}, "a")->chunk_count, 0u);
  EXPECT_THAT(found_texts(*store_, "anything"), IsEmpty());
  ASSERT_EQ(store_->put({}, make_document("a", "red apple")), WriteState::kIndexed);
  EXPECT_EQ(found_texts(*store_, "apple"), Texts{"red apple"});
}

TEST_F(EmbeddedStoreTest, AnotherModelsVectorsAreRefused) {
  ASSERT_TRUE(store_->put({}, make_document("a", "red apple")));
  store_.reset();
  auto other = open_store(folder_, {}, {"other-model", 2});
  EXPECT_EQ(code_of(other->put({}, make_document("b", "green apple"))), ErrorCode::kConflict);
  EXPECT_EQ(code_of(other->search({.query_vector = {1, 0}})), ErrorCode::kConflict);
  EXPECT_EQ(found_texts(*other, "apple"), Texts{"red apple"}); // by words alone
  EXPECT_TRUE(other->put({"default", "new"}, make_document("b", "green apple")));
}

TEST_F(EmbeddedStoreTest, QueryOfTheWrongDimensionIsRefused) {
  ASSERT_TRUE(store_->put({}, make_document("a", "red apple")));
  EXPECT_EQ(code_of(store_->search({.query_vector = {1, 0, 0}})), ErrorCode::kInvalidField);
}

TEST_F(EmbeddedStoreTest, ContentsOutliveTheProcess) {
  ASSERT_TRUE(store_->put({}, make_document("a", "red apple\ngreen pear")));
  const Generation generation = *store_->generation({});
  store_.reset();
  store_ = open_store(folder_);
  EXPECT_EQ(*store_->generation({}), generation);
  EXPECT_EQ(found_texts(*store_, "pear"), Texts{"green pear"});
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

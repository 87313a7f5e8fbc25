#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/unix_time.h"
#include "migration/compare.h"
#include "migration/copy.h"
#include "migration/pages.h"
#include "store/document_fixture_test.h"
#include "store/stored_fixture_test.h"

namespace raglan::migration {
namespace {

using store::CollectionKey;
using store::make_document;
using store::PreparedDocument;
using testing::ElementsAre;
using testing::IsEmpty;

const CollectionKey kKey{"acme", "birds"};

class MigrationTest : public store::StoredTest {
 protected:
  MigrationTest() {
    EXPECT_TRUE(embedded_->create_collection(kKey));
    EXPECT_TRUE(there_->create_collection(kKey));
  }

  CopyCounts copy() {
    auto counts = wait(copy_documents(store_, other_, kKey, clock_, {}));
    EXPECT_TRUE(counts) << counts.error().message;
    return counts.value_or(CopyCounts());
  }
  Comparison compare() {
    auto compared = wait(compare_documents(store_, other_, kKey, clock_));
    EXPECT_TRUE(compared) << compared.error().message;
    return compared.value_or(Comparison());
  }
  RecordCounts copy_all_records() {
    auto counts = wait(copy_records(store_, other_, clock_));
    EXPECT_TRUE(counts) << counts.error().message;
    return counts.value_or(RecordCounts());
  }
  Comparison compare_all_records() {
    auto compared = wait(compare_records(store_, other_, clock_));
    EXPECT_TRUE(compared) << compared.error().message;
    return compared.value_or(Comparison());
  }

  store::TemporaryFolder other_folder_;
  std::unique_ptr<store::EmbeddedStore> there_ =
      store::EmbeddedStore::open(other_folder_.database(), {"fake", 2}, {}, clock_).value();
  store::OffloadedStore other_{{*there_, in_place_, in_place_, clock_}};
};

TEST_F(MigrationTest, EverythingIsThereAfterwardsAsItWas) {
  PreparedDocument old = make_document("old", "an old text", R"({"kind":"note"})");
  old.document.updated_at = from_unix_milliseconds(1'500'000'000'000);
  ASSERT_TRUE(embedded_->put(kKey, old));
  ASSERT_TRUE(embedded_->put(kKey, make_document("a", "first\nsecond")));
  const CopyCounts counts = copy();
  EXPECT_EQ(counts.documents, 2u);
  EXPECT_EQ(counts.copied, 2u);
  EXPECT_EQ(counts.refused, 0u);
  EXPECT_EQ(there_->get(kKey, "old")->updated_at, old.document.updated_at);
  EXPECT_EQ(there_->collection(kKey)->chunks, 3u);
  EXPECT_EQ(there_->search({.collection = kKey, .query_text = "second"})->candidates.size(), 1u);
  const Comparison compared = compare();
  EXPECT_TRUE(compared.is_same());
  EXPECT_EQ(compared.compared, 2u);
  EXPECT_EQ(compared.chunks, 3u);
  EXPECT_EQ(compared.from.value(), compared.to.value());
  EXPECT_EQ(compared.extra, 0u);
}

TEST_F(MigrationTest, WhatIsThereAlreadyIsNotCopiedAgain) {
  ASSERT_TRUE(embedded_->put(kKey, make_document("a", "one")));
  ASSERT_TRUE(embedded_->put(kKey, make_document("b", "two")));
  copy();
  ASSERT_TRUE(embedded_->put(kKey, make_document("b", "another two")));
  ASSERT_TRUE(embedded_->put(kKey, make_document("c", "three")));
  const CopyCounts again = copy();
  EXPECT_EQ(again.copied, 2u);
  EXPECT_EQ(again.unchanged, 1u);
  EXPECT_EQ(there_->get(kKey, "b")->text, "another two");
  EXPECT_TRUE(compare().is_same());
}

TEST_F(MigrationTest, MoreThanAPageAndABatchAreCopied) {
  std::vector<PreparedDocument> documents;
  for (int i = 0; i < 450; ++i) {
    documents.push_back(make_document(fmt::format("d{:03}", i), "one\ntwo\nthree\nfour\nfive"));
  }
  for (const auto& state : embedded_->put_many(kKey, documents)) ASSERT_TRUE(state);
  std::vector<std::uint64_t> progress;
  auto counts = wait(copy_documents(store_, other_, kKey, clock_,
                                    [&](std::uint64_t seen) { progress.push_back(seen); }));
  ASSERT_TRUE(counts);
  EXPECT_EQ(counts->copied, 450u);
  EXPECT_THAT(progress, ElementsAre(200, 400, 450));
  EXPECT_EQ(compare().compared, 450u);
  EXPECT_TRUE(compare().is_same());
}

TEST_F(MigrationTest, WhatIsMissingOrDifferentIsNamed) {
  ASSERT_TRUE(embedded_->put(kKey, make_document("same", "one")));
  ASSERT_TRUE(embedded_->put(kKey, make_document("missing", "two")));
  PreparedDocument turned = make_document("turned", "three");
  ASSERT_TRUE(embedded_->put(kKey, turned));
  std::swap(turned.vectors[0], turned.vectors[1]); // which the content hash does not tell
  turned.vectors[0] = -turned.vectors[0];
  ASSERT_TRUE(there_->put(kKey, turned));
  ASSERT_TRUE(there_->put(kKey, make_document("same", "one")));
  ASSERT_TRUE(there_->put(kKey, make_document("other", "four")));
  const Comparison compared = compare();
  EXPECT_FALSE(compared.is_same());
  EXPECT_EQ(compared.missing, 1u);
  EXPECT_EQ(compared.different, 1u);
  EXPECT_EQ(compared.extra, 1u);
  EXPECT_THAT(compared.named, ElementsAre("missing", "turned"));
  EXPECT_NE(compared.from.value(), compared.to.value());
}

TEST_F(MigrationTest, PruningRemovesWhatWasNotCopied) {
  ASSERT_TRUE(embedded_->put(kKey, make_document("a", "one")));
  ASSERT_TRUE(there_->put(kKey, make_document("b", "two")));
  copy();
  EXPECT_EQ(compare().extra, 1u);
  EXPECT_EQ(wait(prune_documents(store_, other_, kKey, clock_)), 1u);
  EXPECT_EQ(there_->get(kKey, "b").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(compare().extra, 0u);
  EXPECT_TRUE(compare().is_same());
}

TEST_F(MigrationTest, DocumentsThatAreNotTakenKeepNobodyFromBeingCopied) {
  ASSERT_TRUE(embedded_->put(kKey, make_document("a", "one", R"({"k":"0123456789"})")));
  ASSERT_TRUE(embedded_->put(kKey, make_document("b", "two")));
  const store::StoreConfig narrow{.max_metadata_bytes = 8};
  const store::TemporaryFolder folder;
  auto opened = store::EmbeddedStore::open(folder.database(), {"fake", 2}, narrow, clock_).value();
  ASSERT_TRUE(opened->create_collection(kKey));
  store::OffloadedStore third{{*opened, in_place_, in_place_, clock_}};
  auto counts = wait(copy_documents(store_, third, kKey, clock_, {}));
  ASSERT_TRUE(counts);
  EXPECT_EQ(counts->copied, 1u);
  EXPECT_EQ(counts->refused, 1u);
  ASSERT_EQ(counts->named.size(), 1u);
  EXPECT_EQ(counts->named[0].document_id, "a");
  auto compared = wait(compare_documents(store_, third, kKey, clock_));
  EXPECT_THAT(compared->named, ElementsAre("a"));
  loops_.stop(); // before the third store is gone
}

TEST_F(MigrationTest, WhereThereIsNoSuchCollectionEverythingIsMissing) {
  ASSERT_TRUE(embedded_->put(kKey, make_document("a", "one")));
  ASSERT_TRUE(there_->delete_collection(kKey));
  EXPECT_EQ(compare().missing, 1u);
  EXPECT_EQ(compare().extra, 0u);
}

TEST_F(MigrationTest, VectorsOfAnotherModelAreNotMixedIn) {
  ASSERT_TRUE(embedded_->put(kKey, make_document("a", "one")));
  ASSERT_TRUE(there_->put(kKey, make_document("b", "two")));
  auto opened =
      store::EmbeddedStore::open(other_folder_.database(), {"other", 2}, {}, clock_).value();
  store::OffloadedStore reopened{{*opened, in_place_, in_place_, clock_}};
  EXPECT_EQ(code_of(wait(copy_documents(store_, reopened, kKey, clock_, {}))),
            ErrorCode::kConflict);
  EXPECT_EQ(there_->collection(kKey)->documents, 1u);
  loops_.stop(); // before that store is gone
}

TEST_F(MigrationTest, ACollectionIsMadeWhereThereIsNone) {
  ASSERT_TRUE(there_->delete_collection(kKey));
  EXPECT_EQ(copy().documents, 0u);
  EXPECT_TRUE(there_->collection(kKey));
}

TEST_F(MigrationTest, RecordsAreGoneThroughSideBySide) {
  const auto write = [](store::EmbeddedStore& store, const std::string& tenant, int id) {
    EXPECT_TRUE(store.write_record({{"note", tenant, fmt::format("{:02}", id)}, "value"}));
  };
  for (int i = 0; i < 40; ++i) { // pages of 16 end at different keys
    if (i % 3 != 0) write(*embedded_, "acme", i);
    if (i % 2 != 0) write(*there_, "acme", i);
  }
  write(*there_, "aaa", 1);
  write(*there_, "zzz", 1);
  std::vector<std::string> seen;
  RecordPairs pairs(store_.contents(), other_.contents(), clock_);
  while (true) {
    const auto pair = wait(pairs.next());
    ASSERT_TRUE(pair);
    if (pair->is_end()) break;
    const store::RecordKey& key = pair->from ? pair->from->key : pair->to->key;
    if (pair->from && pair->to) EXPECT_EQ(pair->from->key, pair->to->key);
    seen.push_back(key.tenant + key.id + (pair->from ? "<" : "") + (pair->to ? ">" : ""));
  }
  std::vector<std::string> expected{"aaa01>"};
  for (int i = 0; i < 40; ++i) {
    if (i % 3 == 0 && i % 2 == 0) continue;
    expected.push_back(
        fmt::format("acme{:02}{}{}", i, i % 3 != 0 ? "<" : "", i % 2 != 0 ? ">" : ""));
  }
  expected.push_back("zzz01>");
  EXPECT_EQ(seen, expected);
}

TEST_F(MigrationTest, RecordsAreCopiedAndTheSourceHasTheLastWord) {
  const auto expires = from_unix_milliseconds(9'000'000'000'000);
  for (int i = 0; i < 40; ++i) {
    const store::RecordKey key{"note", "acme", fmt::format("{:02}", i)};
    ASSERT_TRUE(embedded_->write_record({key, "value", expires}));
  }
  ASSERT_TRUE(there_->write_record({{"note", "acme", "07"}, "another value"}));
  ASSERT_TRUE(there_->write_record({{"note", "other", "extra"}, "value"}));
  EXPECT_EQ(copy_all_records().copied, 40u);
  EXPECT_EQ(copy_all_records().unchanged, 40u);
  const auto record = there_->read_record({"note", "acme", "07"});
  EXPECT_EQ((*record)->value, "value");
  EXPECT_EQ((*record)->expires, expires);
  EXPECT_TRUE(compare_all_records().is_same());
  EXPECT_EQ(compare_all_records().extra, 1u);
  EXPECT_EQ(wait(prune_records(store_, other_, clock_)), 1u);
  EXPECT_EQ(compare_all_records().extra, 0u);
  ASSERT_TRUE(there_->write_record({{"note", "acme", "07"}, "value"})); // for ever
  const Comparison compared = compare_all_records();
  EXPECT_EQ(compared.different, 1u);
  EXPECT_THAT(compared.named, ElementsAre("note of acme"));
}

TEST(Batches, AreFullWhenTheyHaveSoManyChunks) {
  std::vector<store::Document> headers;
  for (const std::uint32_t chunks : {5, 4, 1, 100, 0}) {
    headers.push_back({.id = std::to_string(headers.size()), .chunk_count = chunks});
  }
  EXPECT_THAT(in_batches(headers, 10),
              ElementsAre(ElementsAre("0", "1", "2"), ElementsAre("3"), ElementsAre("4")));
  EXPECT_THAT(in_batches({}, 10), IsEmpty());
}

} // namespace
} // namespace raglan::migration

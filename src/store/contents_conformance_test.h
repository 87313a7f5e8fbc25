// What every store promises of its contents (contents.h); to be run with store_conformance_test.h.
#pragma once

#include "base/unix_time.h"
#include "store/store_conformance_test.h"

namespace raglan::store {

inline std::vector<std::string> keys_of(const Result<std::vector<Record>>& records) {
  EXPECT_TRUE(records) << records.error().message;
  std::vector<std::string> keys;
  if (!records) return keys;
  for (const auto& [key, value, version, expires] : *records) {
    keys.push_back(key.kind + "/" + key.tenant + "/" + key.id);
  }
  return keys;
}

TEST_P(StoreConformance, AllCollectionsOfAllTenantsAreItsContents) {
  EXPECT_THAT(*store_->stored_collections(), IsEmpty());
  ASSERT_TRUE(store_->put({"b", "one"}, make_document("x", "first\nsecond")));
  ASSERT_TRUE(store_->create_collection({"a", "empty"}));
  ASSERT_TRUE(store_->create_collection({"b", "gone"}));
  ASSERT_TRUE(store_->delete_collection({"b", "gone"}));
  EXPECT_THAT(*store_->stored_collections(),
              ElementsAre(StoredCollection{{"a", "empty"}, {"", 0}, 0, 0},
                          StoredCollection{{"b", "one"}, kSpace, 1, 2}));
}

TEST_P(StoreConformance, DocumentsAreReadAsTheyWereWritten) {
  PreparedDocument empty = make_document("empty", "");
  PreparedDocument full = make_document("full", "naïve\n🦉", R"({"kind":"bird"})");
  full.document.updated_at = from_unix_milliseconds(1'600'000'000'123);
  ASSERT_TRUE(store_->put({}, full));
  ASSERT_TRUE(store_->put({}, empty));
  ASSERT_TRUE(store_->put({"other", "default"}, make_document("other", "another tenant's")));
  auto read = store_->prepared_documents({}, {"full", "missing", "other", "empty", ""});
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->size(), 2u);
  const PreparedDocument& found = read->front();
  EXPECT_EQ(found.document.id, "full");
  EXPECT_EQ(found.document.title, full.document.title);
  EXPECT_EQ(found.document.uri, full.document.uri);
  EXPECT_EQ(found.document.text, full.document.text);
  EXPECT_EQ(found.document.metadata_json, full.document.metadata_json);
  EXPECT_EQ(found.document.content_hash, full.document.content_hash);
  EXPECT_EQ(found.document.updated_at, full.document.updated_at); // as the writer gave it
  EXPECT_EQ(found.vectors, full.vectors);
  ASSERT_EQ(found.chunks.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(found.chunks[i].ordinal, i);
    EXPECT_EQ(found.chunks[i].title_path, full.chunks[i].title_path);
    EXPECT_EQ(found.chunks[i].text, full.chunks[i].text);
    EXPECT_EQ(found.chunks[i].start, full.chunks[i].start);
    EXPECT_EQ(found.chunks[i].end, full.chunks[i].end);
  }
  EXPECT_EQ(read->at(1).document.id, "empty");
  EXPECT_THAT(read->at(1).chunks, IsEmpty());
  EXPECT_THAT(*store_->prepared_documents({"nobody", "nothing"}, {"full"}), IsEmpty());
}

TEST_P(StoreConformance, AllRecordsAreListedByTheirKeys) {
  for (const RecordKey& key : {RecordKey{"note", "b", "1"}, RecordKey{"key", "b", "2"},
                               RecordKey{"note", "a", "3"}, RecordKey{"note", "b", "0"}}) {
    ASSERT_TRUE(store_->write_record({key, "value"}));
  }
  ASSERT_TRUE(store_->write_record({{"note", "a", "old"}, "value", from_unix_milliseconds(1)}));
  const auto first = store_->records_after(std::nullopt, 3);
  EXPECT_THAT(keys_of(first), ElementsAre("note/a/3", "key/b/2", "note/b/0"));
  EXPECT_THAT(keys_of(store_->records_after(first->back().key, 3)), ElementsAre("note/b/1"));
  EXPECT_THAT(keys_of(store_->records_after(RecordKey{"note", "b", "1"}, 3)), IsEmpty());
}

} // namespace raglan::store

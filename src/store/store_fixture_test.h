// What the store's tests share: a folder of their own, documents made from text, and short calls.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "base/clock.h"
#include "store/document_fixture_test.h"
#include "store/embedded_store.h"

namespace raglan::store {

// A folder that goes with the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = ::testing::TempDir() + "/raglan-store-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path database() const { return path_ / "store.db"; }

 private:
  std::filesystem::path path_;
};

inline std::unique_ptr<EmbeddedStore> open_store(const TemporaryFolder& folder,
                                                 StoreConfig config = {},
                                                 EmbeddingSpace space = kSpace) {
  auto store =
      EmbeddedStore::open(folder.database(), std::move(space), config, SystemClock::instance());
  EXPECT_TRUE(store) << store.error().message;
  return store ? std::move(*store) : nullptr;
}

// The texts of all passages that a search by this word finds.
inline std::set<std::string> found_texts(EmbeddedStore& store, std::string_view word,
                                         const CollectionKey& key = {},
                                         std::optional<Filter> filter = std::nullopt) {
  auto result = store.search({.collection = key,
                              .query_text = std::string(word),
                              .filter = std::move(filter),
                              .candidates = 1000});
  EXPECT_TRUE(result) << result.error().message;
  if (!result) return {};
  std::vector<std::uint64_t> ids;
  for (const Candidate& candidate : result->candidates) {
    if (candidate.bm25 > 0) ids.push_back(candidate.chunk_id);
  }
  auto passages = store.passages(key, ids);
  EXPECT_TRUE(passages) << passages.error().message;
  std::set<std::string> texts;
  for (const Passage& passage : *passages) texts.insert(passage.chunk.text);
  return texts;
}

} // namespace raglan::store

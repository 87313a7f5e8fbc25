#include "store/index_snapshot.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "store/index_fixture_test.h"
#include "store/store_fixture_test.h"

namespace raglan::store {
namespace {

const SnapshotStamp kStamp{.store_epoch = 77, .embedder_id = "model", .dimension = kDimension};

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_file(const std::filesystem::path& path, std::string_view content) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
}

std::vector<std::uint64_t> found_ids(const CollectionIndex& index) {
  const auto vector = unit_vector(12);
  std::vector<std::uint64_t> ids;
  for (const Candidate& candidate :
       index.search({.vector = vector, .text = "rare word3 filler", .candidates = 50}).candidates) {
    ids.push_back(candidate.chunk_id);
  }
  return ids;
}

class IndexSnapshotTest : public ::testing::Test {
 protected:
  IndexSnapshotTest() {
    for (std::uint64_t id = 1; id <= 120; id += 40) {
      index_.apply(corpus_.entries(id, id + 39), {}, id);
    }
    index_.apply(corpus_.entries(121, 130), std::vector<std::uint64_t>{5, 50}, 500);
    EXPECT_TRUE(index_.save(path_, kStamp));
  }

  Result<std::unique_ptr<CollectionIndex>> load() const {
    return CollectionIndex::load(path_, kStamp, {});
  }

  TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_.path() / "1.index";
  const Corpus corpus_{200};
  CollectionIndex index_{kDimension, {}};
};

TEST_F(IndexSnapshotTest, LoadedIndexFindsTheSame) {
  auto loaded = load();
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ((*loaded)->seq(), 500u);
  EXPECT_EQ((*loaded)->size(), 128u);
  EXPECT_EQ(found_ids(**loaded), found_ids(index_));
}

TEST_F(IndexSnapshotTest, LoadedIndexTakesFurtherChanges) {
  auto loaded = load();
  ASSERT_TRUE(loaded);
  const std::vector<std::uint64_t> removed{7, 60, 125};
  index_.apply(corpus_.entries(131, 200), removed, 501);
  (*loaded)->apply(corpus_.entries(131, 200), removed, 501);
  EXPECT_EQ(found_ids(**loaded), found_ids(index_));
}

TEST_F(IndexSnapshotTest, AHalfAppliedChangeIsNotSaved) {
  const std::string before = read_file(path_);
  index_.apply_ahead(corpus_.entries(131, 140));
  EXPECT_EQ(index_.seq(), 500u);
  EXPECT_EQ(index_.size(), 138u); // found already
  const auto refused = index_.save(path_, kStamp);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  EXPECT_EQ(read_file(path_), before);

  index_.apply(corpus_.entries(141, 150), {}, 501);
  ASSERT_TRUE(index_.save(path_, kStamp));
  auto loaded = load();
  ASSERT_TRUE(loaded);
  EXPECT_EQ((*loaded)->seq(), 501u);
  EXPECT_EQ((*loaded)->size(), 148u);
}

TEST_F(IndexSnapshotTest, EmptyIndexIsSavedAndLoaded) {
  ASSERT_TRUE(CollectionIndex(kDimension, {}).save(path_, kStamp));
  auto loaded = load();
  ASSERT_TRUE(loaded);
  EXPECT_EQ((*loaded)->size(), 0u);
}

TEST_F(IndexSnapshotTest, SavingLeavesNothingElseInTheFolder) {
  ASSERT_TRUE(index_.save(path_, kStamp));
  const std::filesystem::directory_iterator files(folder_.path());
  EXPECT_EQ(std::distance(begin(files), end(files)), 1);
}

TEST_F(IndexSnapshotTest, SnapshotOfSomethingElseIsRefused) {
  const auto refused = [&](const SnapshotStamp& stamp) {
    return code_of(CollectionIndex::load(path_, stamp, {})) == ErrorCode::kCorrupt;
  };
  EXPECT_TRUE(refused({78, "model", kDimension}));
  EXPECT_TRUE(refused({77, "other", kDimension}));
  EXPECT_TRUE(refused({77, "model2", kDimension}));
  EXPECT_TRUE(refused({77, "model", kDimension + 1}));
  EXPECT_EQ(code_of(CollectionIndex::load(folder_.path() / "2.index", kStamp, {})),
            ErrorCode::kNotFound);
  EXPECT_EQ(code_of(CollectionIndex::load(folder_.path(), kStamp, {})), ErrorCode::kCorrupt);
}

TEST_F(IndexSnapshotTest, EveryCutIsRefused) {
  const std::string whole = read_file(path_);
  for (std::size_t length = 0; length < whole.size(); length += length < 200 ? 1 : 61) {
    write_file(path_, whole.substr(0, length));
    ASSERT_EQ(code_of(load()), ErrorCode::kCorrupt) << "cut to " << length;
  }
  write_file(path_, whole + "x");
  EXPECT_EQ(code_of(load()), ErrorCode::kCorrupt);
  write_file(path_, whole);
  EXPECT_TRUE(load());
}

TEST_F(IndexSnapshotTest, EveryFlippedBitIsRefused) {
  std::string content = read_file(path_);
  for (std::size_t at = 0; at < content.size(); at += at < 200 ? 1 : 37) {
    const char flip = static_cast<char>(1 << (at % 8));
    content[at] = static_cast<char>(content[at] ^ flip);
    write_file(path_, content);
    ASSERT_EQ(code_of(load()), ErrorCode::kCorrupt) << "byte " << at;
    content[at] = static_cast<char>(content[at] ^ flip);
  }
}

// What the checksum would hide: the content is wrong and the checksum right, as a fault of a writer
// or a forger would leave it. It may load; it must not make a search read outside its arrays.
TEST_F(IndexSnapshotTest, WrongContentUnderARightChecksumIsHarmless) {
  std::string body = read_file(path_);
  body.resize(body.size() - sizeof(std::uint64_t));
  int loaded_count = 0;
  for (std::size_t at = 0; at < body.size(); at += at < 200 ? 1 : 97) {
    const char before = body[at];
    body[at] = static_cast<char>(at % 2 == 0 ? 0xff : before ^ 0x10);
    auto writer = SnapshotWriter::create(path_);
    ASSERT_TRUE(writer);
    writer->bytes(std::as_bytes(std::span(body)));
    ASSERT_TRUE(writer->finish());
    body[at] = before;
    auto loaded = load();
    if (!loaded) {
      ASSERT_EQ(loaded.error().code, ErrorCode::kCorrupt);
      continue;
    }
    ++loaded_count;
    (void)found_ids(**loaded);
    (*loaded)->apply(corpus_.entries(131, 140), std::vector<std::uint64_t>{7, 60}, 501);
    (void)found_ids(**loaded);
  }
  EXPECT_GT(loaded_count, 0); // a changed vector, for one
}

TEST_F(IndexSnapshotTest, SaveThatCannotFinishLeavesTheOldOne) {
  const std::string before = read_file(path_);
  {
    auto writer = SnapshotWriter::create(path_);
    ASSERT_TRUE(writer);
    writer->value(std::uint64_t{1});
  }
  EXPECT_EQ(read_file(path_), before);
  EXPECT_EQ(code_of(index_.save(folder_.path() / "missing" / "1.index", kStamp)),
            ErrorCode::kUnavailable);
}

} // namespace
} // namespace raglan::store

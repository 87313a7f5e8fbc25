// Folding as searches and writers see it: through CollectionIndex.
#include "store/index_fold.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "store/index_fixture_test.h"

namespace raglan::store {
namespace {

const auto kNeverStopped = [] { return false; };

// The sizes at which things change, small enough to be reached by a test.
constexpr IndexConfig kSmall{.graph_from_rows = 400,
                             .max_delta_rows = 100,
                             .graph_search_breadth = 60,
                             .exact_filter_rows = 50};

void fold_all(CollectionIndex& index) {
  while (index.fold(kNeverStopped)) {
  }
}

std::set<std::uint64_t> ids_of(const SearchResult& result) {
  std::set<std::uint64_t> ids;
  for (const Candidate& candidate : result.candidates) ids.insert(candidate.chunk_id);
  return ids;
}

std::vector<std::uint64_t> every(std::uint64_t step, std::uint64_t first, std::uint64_t last) {
  std::vector<std::uint64_t> ids;
  for (std::uint64_t id = first; id <= last; id += step) ids.push_back(id);
  return ids;
}

class IndexFoldTest : public ::testing::Test {
 protected:
  // Chunks [first, last], 10 with each write.
  void add(std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t id = first; id <= last; id += 10) {
      index_.apply(corpus_.entries(id, std::min(id + 9, last)), {}, ++seq_);
    }
  }
  void remove(const std::vector<std::uint64_t>& ids) { index_.apply({}, ids, ++seq_); }

  CollectionIndex::Query query(std::uint32_t candidates, bool exact = false) const {
    return {
        .vector = vector_, .text = "rare word3 filler", .candidates = candidates, .exact = exact};
  }
  // The same chunks with the same scores as an index that was made in one go.
  void expect_as_if_made_at_once(const std::vector<std::uint64_t>& live) {
    CollectionIndex at_once(kDimension, {});
    std::vector<IndexEntry> entries;
    for (const std::uint64_t id : live) entries.push_back(corpus_.entry(id));
    at_once.apply(entries, {}, 1);
    const SearchResult expected = at_once.search(query(50));
    const SearchResult found = index_.search(query(50, true));
    EXPECT_EQ(ids_of(found), ids_of(expected));
    EXPECT_NEAR(found.bm25_max, expected.bm25_max, 1e-5);
    EXPECT_EQ(index_.size(), live.size());
  }

  const Corpus corpus_{2000};
  const std::vector<float> vector_ = unit_vector(4711);
  CollectionIndex index_{kDimension, kSmall};
  std::uint64_t seq_ = 0;
};

TEST_F(IndexFoldTest, LargeIndexGetsAGraphAndALargeDeltaGoesIntoIt) {
  add(1, 390);
  fold_all(index_);
  EXPECT_EQ(index_.graph_size(), 0u);
  add(391, 500);
  fold_all(index_);
  EXPECT_EQ(index_.graph_size(), 500u);
  add(501, 600);
  fold_all(index_);
  EXPECT_EQ(index_.graph_size(), 500u); // a delta of 100 may stay
  add(601, 601);
  fold_all(index_);
  EXPECT_EQ(index_.graph_size(), 601u);
  expect_as_if_made_at_once(every(1, 1, 601));
}

TEST_F(IndexFoldTest, DeletionsBeforeDuringAndAfterAFoldHold) {
  add(1, 600);
  remove(every(10, 1, 600));
  bool removed_meanwhile = false;
  while (index_.fold([&] { // called when the graph is being built
    if (!removed_meanwhile) remove(every(10, 2, 600));
    removed_meanwhile = true;
    return false;
  })) {
  }
  ASSERT_TRUE(removed_meanwhile);
  EXPECT_GT(index_.graph_size(), 0u);
  remove(every(10, 3, 600));
  std::vector<std::uint64_t> live;
  for (std::uint64_t id = 1; id <= 600; ++id) {
    if (id % 10 == 0 || id % 10 > 3) live.push_back(id);
  }
  expect_as_if_made_at_once(live);
  for (const std::uint64_t id : ids_of(index_.search(query(100)))) {
    EXPECT_TRUE(id % 10 == 0 || id % 10 > 3) << id;
  }
}

TEST_F(IndexFoldTest, WritesDuringAFoldAreKept) {
  add(1, 450);
  fold_all(index_);
  add(451, 600);
  bool written_meanwhile = false;
  while (index_.fold([&] {
    if (!written_meanwhile) add(601, 700);
    written_meanwhile = true;
    return false;
  })) {
  }
  ASSERT_TRUE(written_meanwhile);
  expect_as_if_made_at_once(every(1, 1, 700));
}

TEST_F(IndexFoldTest, BaseThatIsMostlyDeletedIsMadeAnew) {
  add(1, 900);
  fold_all(index_);
  ASSERT_GE(index_.graph_size(), 800u);
  remove(every(3, 1, 900));
  fold_all(index_);
  EXPECT_GE(index_.graph_size(), 500u);
  remove(every(3, 2, 900));
  fold_all(index_);
  EXPECT_EQ(index_.graph_size(), 0u); // 300 are searched exactly
  expect_as_if_made_at_once(every(3, 3, 900));
}

TEST_F(IndexFoldTest, StoppedFoldChangesNothing) {
  add(1, 600);
  while (index_.fold([] { return true; })) { // merges go on, the graph does not come
  }
  EXPECT_EQ(index_.graph_size(), 0u);
  expect_as_if_made_at_once(every(1, 1, 600));
  fold_all(index_);
  EXPECT_GE(index_.graph_size(), 500u);
}

TEST_F(IndexFoldTest, ApproximateSearchFindsWhatExactSearchFinds) {
  add(1, 2000);
  fold_all(index_);
  remove(every(7, 1, 2000));
  std::size_t found = 0;
  for (std::uint64_t i = 0; i < 50; ++i) {
    const auto vector = unit_vector(10'000 + i);
    const auto exact = ids_of(index_.search({.vector = vector, .candidates = 10, .exact = true}));
    for (const std::uint64_t id : ids_of(index_.search({.vector = vector, .candidates = 10}))) {
      found += exact.count(id);
    }
  }
  EXPECT_GE(found, 490u); // of 500
}

TEST_F(IndexFoldTest, SearchGivesAsManyAsThereAre) {
  add(1, 1000);
  fold_all(index_);
  remove(every(5, 1, 1000));
  for (const std::uint32_t wanted : {1u, 10u, 100u, 799u, 800u, 801u, 5000u}) {
    const auto found = index_.search({.vector = vector_, .candidates = wanted});
    EXPECT_EQ(found.candidates.size(), std::min<std::size_t>(wanted, 800)) << wanted;
  }
}

TEST_F(IndexFoldTest, FilteredSearchGivesAllMatchesHoweverRare) {
  add(1, 2000);
  fold_all(index_);
  ASSERT_GE(index_.graph_size(), 1900u);
  for (const std::uint64_t step : {1, 2, 7, 39, 41, 100, 500, 2000}) { // 41: few enough for a scan
    const auto allowed = every(step, 1, 2000);
    for (const std::uint32_t wanted : {5u, 60u, 3000u}) {
      const auto found =
          index_.search({.vector = vector_, .allowed_chunk_ids = allowed, .candidates = wanted});
      EXPECT_EQ(found.candidates.size(), std::min<std::size_t>(wanted, allowed.size()));
      for (const std::uint64_t id : ids_of(found)) EXPECT_EQ(id % step, 1 % step);
    }
  }
  EXPECT_TRUE(index_
                  .search({.vector = vector_,
                           .text = "filler",
                           .allowed_chunk_ids = std::vector<std::uint64_t>{},
                           .candidates = 10})
                  .candidates.empty());
}

TEST_F(IndexFoldTest, SearchesWritesAndFoldsRunTogether) {
  std::atomic<bool> done{false};
  add(1, 500);
  std::thread writer([&] {
    for (std::uint64_t id = 501; id <= 1500; id += 10) {
      index_.apply(corpus_.entries(id, id + 9), std::vector<std::uint64_t>{id - 500}, ++seq_);
    }
    done = true;
  });
  std::thread folder([&] {
    while (!done) index_.fold(kNeverStopped);
  });
  while (!done) {
    const SearchResult found = index_.search(query(30));
    ASSERT_GE(found.candidates.size(), 30u);
  }
  writer.join();
  folder.join();
  fold_all(index_);
  std::vector<std::uint64_t> live;
  for (std::uint64_t id = 1; id <= 1500; ++id) {
    if (id > 1000 || id % 10 != 1) live.push_back(id);
  }
  expect_as_if_made_at_once(live);
}

TEST(MergeSmall, PartsStayFewWithoutTheBackground) {
  const Corpus corpus(2000);
  Parts parts;
  for (std::uint64_t id = 1; id <= 2000; ++id) {
    parts.push_back({IndexSegment::build(corpus.entries(id, id), kDimension), nullptr, nullptr});
    merge_small(parts, 0);
    ASSERT_LE(parts.size(), 12u);
  }
}

TEST(MergeSmall, FixedPartsStay) {
  const Corpus corpus(40);
  Parts parts;
  for (std::uint64_t id = 1; id <= 40; ++id) {
    parts.push_back({IndexSegment::build(corpus.entries(id, id), kDimension), nullptr, nullptr});
  }
  const Parts before = parts;
  merge_small(parts, 30);
  ASSERT_EQ(parts.size(), 31u);
  for (std::size_t i = 0; i < 30; ++i) EXPECT_EQ(parts[i].segment, before[i].segment);
  EXPECT_EQ(parts[30].segment->rows(), 10u);
}

} // namespace
} // namespace raglan::store

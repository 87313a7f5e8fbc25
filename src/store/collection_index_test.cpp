#include "store/collection_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "store/index_fixture_test.h"

namespace raglan::store {
namespace {

std::map<std::uint64_t, Candidate> by_id(const SearchResult& result) {
  std::map<std::uint64_t, Candidate> candidates;
  for (const Candidate& candidate : result.candidates) {
    EXPECT_TRUE(candidates.emplace(candidate.chunk_id, candidate).second) << "a duplicate";
  }
  return candidates;
}

void expect_same(const SearchResult& left, const SearchResult& right) {
  const auto a = by_id(left);
  const auto b = by_id(right);
  ASSERT_EQ(a.size(), b.size());
  EXPECT_NEAR(left.bm25_max, right.bm25_max, 1e-5);
  for (const auto& [id, candidate] : a) {
    ASSERT_TRUE(b.contains(id)) << id;
    EXPECT_NEAR(candidate.bm25, b.at(id).bm25, 1e-5);
    EXPECT_NEAR(candidate.cosine, b.at(id).cosine, 1e-6);
  }
}

TEST(CollectionIndex, TheCeilingOfBm25CountsTermsThatOccurNowhere) {
  CollectionIndex index(kDimension, {});
  const auto vector = unit_vector(1);
  const std::vector<IndexEntry> entries{{1, "apple apple apple", vector}, {2, "banana", vector}};
  index.apply(entries, {}, 1);
  const auto idf = [](double frequency) {
    return std::log(1 + (2 - frequency + 0.5) / (frequency + 0.5));
  };
  const SearchResult known = index.search({.text = "apple", .candidates = 10});
  EXPECT_NEAR(known.bm25_ceiling, idf(1), 1e-5);
  EXPECT_LT(known.bm25_max, known.bm25_ceiling);
  const SearchResult partly = index.search({.text = "apple zebra apple", .candidates = 10});
  EXPECT_NEAR(partly.bm25_ceiling, 2 * idf(1) + idf(0), 1e-5);
  EXPECT_EQ(partly.question_terms, 2u);
  EXPECT_EQ(index.search({.text = "the", .candidates = 10}).bm25_ceiling, 0);
}

TEST(CollectionIndex, TheRareTermRatioIsOneForOneWordOfOneChunk) {
  CollectionIndex index(kDimension, {});
  const auto vector = unit_vector(1);
  const std::vector<IndexEntry> entries{
      {1, "apple common", vector}, {2, "common", vector}, {3, "common", vector}};
  index.apply(entries, {}, 1);
  const auto ratio = [&](std::string_view text) {
    return index.search({.text = text, .candidates = 10}).rare_term_ratio;
  };
  const auto idf = [](double frequency) {
    return std::log(1 + (3 - frequency + 0.5) / (frequency + 0.5));
  };
  EXPECT_NEAR(ratio("apple"), 1, 1e-5);
  EXPECT_NEAR(ratio("common"), idf(3) / idf(1), 1e-5);
  EXPECT_NEAR(ratio("apple common"), idf(1) / (idf(1) + idf(3)), 1e-5);
  EXPECT_EQ(ratio("zebra"), 0); // occurs nowhere
  EXPECT_EQ(ratio("the"), 0);   // no term at all
}

TEST(CollectionIndex, AnEmptyIndexFindsNothing) {
  const CollectionIndex index(kDimension, {});
  const auto vector = unit_vector(1);
  const SearchResult result = index.search({.vector = vector, .text = "rare"});
  EXPECT_TRUE(result.candidates.empty());
  EXPECT_EQ(result.bm25_max, 0);
}

TEST(CollectionIndex, ScoresBm25AsTheFormulaSays) {
  CollectionIndex index(kDimension, {.bm25 = {.k1 = 1.2f, .b = 0.75f}});
  const auto vector = unit_vector(1);
  const std::vector<IndexEntry> entries{
      {1, "apple banana", vector}, {2, "apple apple cherry dates", vector}, {3, "banana", vector}};
  index.apply(entries, {}, 1);
  const auto found = by_id(index.search({.text = "apple", .candidates = 10}));
  ASSERT_EQ(found.size(), 2u);
  const double idf = std::log(1 + (3 - 2 + 0.5) / (2 + 0.5));
  const double average = 7.0 / 3;
  const auto score = [&](double tf, double length) {
    return idf * tf / (tf + 1.2 * (1 - 0.75 + 0.75 * length / average));
  };
  EXPECT_NEAR(found.at(1).bm25, score(1, 2), 1e-5);
  EXPECT_NEAR(found.at(2).bm25, score(2, 4), 1e-5);
  EXPECT_EQ(found.at(2).lexical_rank, 1u);
  EXPECT_EQ(found.at(1).lexical_rank, 2u);
  EXPECT_EQ(found.at(1).dense_rank, 0u);
}

TEST(CollectionIndex, ACandidateOfOneSideIsScoredByTheOther) {
  CollectionIndex index(kDimension, {});
  const Corpus corpus(200);
  index.apply(corpus.entries(1, 200), {}, 1);
  const auto vector = unit_vector(1);
  const SearchResult all =
      index.search({.vector = vector, .text = "rare word1", .candidates = 200});
  const auto reference = by_id(all);
  ASSERT_EQ(reference.size(), 200u);
  const SearchResult few = index.search({.vector = vector, .text = "rare word1", .candidates = 5});
  EXPECT_LE(few.candidates.size(), 10u);
  EXPECT_GE(few.candidates.size(), 5u);
  for (const Candidate& candidate : few.candidates) {
    EXPECT_FLOAT_EQ(candidate.bm25, reference.at(candidate.chunk_id).bm25);
    EXPECT_FLOAT_EQ(candidate.cosine, reference.at(candidate.chunk_id).cosine);
  }
}

TEST(CollectionIndex, HowItWasBuiltDoesNotMatter) {
  const Corpus corpus(500);
  CollectionIndex at_once(kDimension, {});
  at_once.apply(corpus.entries(101, 500), {}, 1);
  CollectionIndex in_steps(kDimension, {});
  std::uint64_t seq = 0;
  for (std::uint64_t id = 1; id <= 500; id += 3) {
    in_steps.apply(corpus.entries(id, std::min<std::uint64_t>(id + 2, 500)), {}, ++seq);
    if (id % 2 == 0) continue;
    std::vector<std::uint64_t> removed;
    for (std::uint64_t old = 1; old <= 100; ++old) {
      if (old % 50 == id % 50) removed.push_back(old);
    }
    in_steps.apply({}, removed, ++seq);
  }
  std::vector<std::uint64_t> rest(100);
  for (std::uint64_t old = 1; old <= 100; ++old) rest[old - 1] = old;
  in_steps.apply({}, rest, ++seq);
  EXPECT_EQ(in_steps.size(), 400u);
  EXPECT_EQ(in_steps.seq(), seq);
  const auto vector = unit_vector(77);
  const CollectionIndex::Query query{
      .vector = vector, .text = "rare word3 word4", .candidates = 60};
  expect_same(at_once.search(query), in_steps.search(query));
}

TEST(CollectionIndex, FindsOnlyAllowedChunks) {
  const Corpus corpus(300);
  CollectionIndex index(kDimension, {});
  for (std::uint64_t id = 1; id <= 300; id += 50) {
    index.apply(corpus.entries(id, id + 49), {}, id);
  }
  const std::vector<std::uint64_t> allowed{3, 60, 151, 299, 1000};
  const std::vector<std::uint64_t> removed{151};
  index.apply({}, removed, 999);
  const auto vector = unit_vector(5);
  const auto found = by_id(index.search(
      {.vector = vector, .text = "rare filler", .allowed_chunk_ids = allowed, .candidates = 10}));
  std::vector<std::uint64_t> ids;
  for (const auto& [id, candidate] : found) ids.push_back(id);
  EXPECT_EQ(ids, (std::vector<std::uint64_t>{3, 60, 299}));
}

TEST(CollectionIndex, SearchesAreUndisturbedByWrites) {
  const Corpus corpus(2000);
  CollectionIndex index(kDimension, {});
  index.apply(corpus.entries(1, 100), {}, 1);
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (std::uint64_t id = 101; id <= 1990; id += 10) {
      const std::vector<std::uint64_t> removed{id - 50};
      index.apply(corpus.entries(id, id + 9), removed, id);
    }
    done = true;
  });
  const auto vector = unit_vector(9);
  while (!done) {
    const SearchResult result = index.search({.vector = vector, .text = "rare", .candidates = 20});
    ASSERT_GE(result.candidates.size(), 20u);
    ASSERT_GT(result.bm25_max, 0);
  }
  writer.join();
}

} // namespace
} // namespace raglan::store

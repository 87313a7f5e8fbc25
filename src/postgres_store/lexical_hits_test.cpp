#include "postgres_store/lexical_hits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/rng.h"
#include "postgres_store/postings.h"

namespace raglan::postgres_store {
namespace {

using store::IndexHit;
using testing::ElementsAreArray;
using testing::IsEmpty;

// Chunks of several segments, and what the plain formula makes of them.
class Corpus {
 public:
  static constexpr std::size_t kTerms = 5;

  explicit Corpus(std::size_t segments) : segments_(segments) {}

  void add(std::uint64_t chunk_id, std::size_t segment,
           const std::array<std::uint32_t, kTerms>& occurrences, std::uint32_t length) {
    chunks_[chunk_id] = {segment, occurrences, length};
  }
  void kill(std::uint64_t chunk_id) { dead_.insert(static_cast<std::int64_t>(chunk_id)); }

  LexicalHits hits() const {
    std::vector<QuestionTerm> question;
    for (std::size_t term = 0; term < kTerms; ++term) {
      question.push_back({term, count_of(term), {}});
      for (std::size_t segment = 0; segment < segments_; ++segment) {
        std::vector<Posting> postings;
        for (const auto& [id, chunk] : chunks_) {
          if (chunk.segment != segment || chunk.occurrences[term] == 0) continue;
          postings.push_back({id, chunk.occurrences[term], chunk.length});
        }
        const std::string entries = postings.empty() ? "" : encode_postings(postings);
        question.back().lists.push_back(
            std::make_shared<const PostingList>(*PostingList::read(entries)));
      }
    }
    const std::vector<std::int64_t> dead(dead_.begin(), dead_.end());
    return LexicalHits(question, dead, statistics());
  }

  std::map<std::uint64_t, float> scores() const {
    const LexicalStatistics all = statistics();
    const store::Saturation saturation(
        {}, static_cast<float>(all.terms) / static_cast<float>(all.chunks));
    std::map<std::uint64_t, float> sums;
    for (std::size_t term = 0; term < kTerms; ++term) {
      std::size_t frequency = 0;
      for (const auto& [id, chunk] : chunks_) {
        frequency += is_live(id) && chunk.occurrences[term] > 0 ? 1 : 0;
      }
      const float weight =
          count_of(term) * store::inverse_document_frequency(all.chunks, frequency);
      for (const auto& [id, chunk] : chunks_) {
        if (!is_live(id) || chunk.occurrences[term] == 0) continue;
        sums[id] += weight * saturation(static_cast<float>(chunk.occurrences[term]),
                                        static_cast<float>(chunk.length));
      }
    }
    return sums;
  }

  const auto& chunks() const { return chunks_; }

 private:
  struct Chunk {
    std::size_t segment = 0;
    std::array<std::uint32_t, kTerms> occurrences{};
    std::uint32_t length = 0;
  };

  static float count_of(std::size_t term) { return term == 1 ? 2 : 1; }
  bool is_live(std::uint64_t id) const { return !dead_.contains(static_cast<std::int64_t>(id)); }
  LexicalStatistics statistics() const {
    LexicalStatistics all;
    for (const auto& [id, chunk] : chunks_) {
      if (!is_live(id)) continue;
      ++all.chunks;
      all.terms += chunk.length;
    }
    return all;
  }

  const std::size_t segments_;
  std::map<std::uint64_t, Chunk> chunks_;
  std::set<std::int64_t> dead_;
};

// As TopHits orders them.
std::vector<std::uint64_t> best_of(const std::map<std::uint64_t, float>& scores,
                                   std::size_t count) {
  store::TopHits top(count);
  for (const auto& [id, score] : scores) top.add({score, id, 0});
  std::vector<std::uint64_t> ids;
  for (const IndexHit& hit : top.take()) ids.push_back(hit.chunk_id);
  return ids;
}

void expect_equal(const Corpus& corpus) {
  const LexicalHits hits = corpus.hits();
  const auto scores = corpus.scores();
  for (const auto& [id, chunk] : corpus.chunks()) {
    const auto expected = scores.find(id);
    EXPECT_FLOAT_EQ(hits.score_of(id), expected == scores.end() ? 0 : expected->second) << id;
  }
  for (const std::size_t count : {0, 1, 2, 10, 100, 1'000, 1'000'000}) {
    std::vector<std::uint64_t> ids;
    for (const IndexHit& hit : hits.best(count)) {
      EXPECT_EQ(hit.score, hits.score_of(hit.chunk_id));
      ids.push_back(hit.chunk_id);
    }
    EXPECT_THAT(ids, ElementsAreArray(best_of(scores, count))) << count;
  }
}

Corpus random_corpus(std::uint64_t seed, std::size_t chunks, std::uint64_t stride,
                     double dead = 0) {
  Rng rng(seed);
  Corpus corpus(3);
  std::uint64_t id = 1'000;
  for (std::size_t i = 0; i < chunks; ++i) {
    id += 1 + rng.below(stride);
    std::array<std::uint32_t, Corpus::kTerms> occurrences{};
    // From a term that most have to one that hardly any has.
    for (std::size_t term = 0; term < Corpus::kTerms; ++term) {
      if (rng.below(1 << (2 * term)) == 0) {
        occurrences[term] = 1 + static_cast<std::uint32_t>(rng.below(5));
      }
    }
    corpus.add(id, rng.below(3), occurrences, 20 + static_cast<std::uint32_t>(rng.below(200)));
    if (rng.uniform() < dead) corpus.kill(id);
  }
  return corpus;
}

TEST(LexicalHits, AreThoseOfTheFormula) {
  expect_equal(random_corpus(1, 5'000, 1));
  expect_equal(random_corpus(2, 300, 1));
}

TEST(LexicalHits, OfChunksThatAreFarApart) {
  expect_equal(random_corpus(3, 500, 1'000));
  expect_equal(random_corpus(4, 500, 1'000'000'000'000));
}

TEST(LexicalHits, CountNothingThatIsDead) {
  expect_equal(random_corpus(5, 3'000, 2, 0.1));
  expect_equal(random_corpus(6, 300, 100, 0.9));
}

TEST(LexicalHits, TellWhatTheQuestionWeighs) {
  Corpus corpus(1);
  corpus.add(7, 0, {1, 0, 0, 0, 0}, 10);
  corpus.add(8, 0, {1, 1, 0, 0, 0}, 10);
  const LexicalHits hits = corpus.hits();
  store::QuestionWeight weight(2);
  weight.add(1, 2);
  weight.add(2, 1);
  for (int absent = 0; absent < 3; ++absent) weight.add(1, 0);
  EXPECT_EQ(hits.question_terms(), 5u);
  EXPECT_FLOAT_EQ(hits.ceiling(), weight.ceiling());
  EXPECT_FLOAT_EQ(hits.rare_term_ratio(), weight.rare_term_ratio());
}

TEST(LexicalHits, OfNothingAreNone) {
  const LexicalHits none;
  EXPECT_THAT(none.best(10), IsEmpty());
  EXPECT_EQ(none.score_of(1), 0);
  EXPECT_THAT(LexicalHits({}, {}, {}).best(10), IsEmpty());
  const std::vector<QuestionTerm> no_segments{{1, 1, {}}};
  EXPECT_THAT(LexicalHits(no_segments, {}, {}).best(10), IsEmpty());
}

} // namespace
} // namespace raglan::postgres_store

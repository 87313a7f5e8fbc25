#include "rag/extractive.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <regex>

#include "base/rng.h"

namespace raglan::rag {
namespace {

Source source_of(std::uint32_t n, std::string text, float cosine = 0.6f) {
  Source source;
  source.n = n;
  source.text = std::move(text);
  source.explanation.cosine = cosine;
  return source;
}

const std::vector<Source>& sources() {
  static const std::vector<Source> kSources = {
      source_of(1,
                "VACUUM reclaims storage occupied by dead tuples. "
                "It may be run while the database is in use by others."),
      source_of(2,
                "VACUUM FULL rewrites the entire contents of the table. "
                "It requires an exclusive lock on each table it works on.")};
  return kSources;
}

const std::vector<float> kQuestion = {1, 0, 0, 0, 0};

// Vectors with the given cosines to kQuestion, each otherwise in a direction of its own.
std::vector<float> vectors_of(std::initializer_list<float> cosines) {
  std::vector<float> vectors;
  std::size_t direction = 0;
  for (const float cosine : cosines) {
    std::vector<float> vector(kQuestion.size());
    vector[0] = cosine;
    vector[++direction] = std::sqrt(1 - cosine * cosine);
    vectors.insert(vectors.end(), vector.begin(), vector.end());
  }
  return vectors;
}

TEST(Extractive, CandidatesAreBoundedAndTheMostPromisingFirst) {
  const auto all = candidate_sentences("What does VACUUM FULL do?", sources(), {});
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[0].n, 2u); // holds both words
  const auto two =
      candidate_sentences("What does VACUUM FULL do?", sources(), {.max_candidates = 2});
  ASSERT_EQ(two.size(), 2u);
  EXPECT_EQ(two[0].text, all[0].text);
  EXPECT_TRUE(candidate_sentences("What does VACUUM do?", {}, {}).empty());
}

TEST(Extractive, EverySentenceHasItsCitation) {
  const auto candidates = candidate_sentences("VACUUM", sources(), {});
  ASSERT_EQ(candidates.size(), 4u);
  const auto answer =
      compose_extractive(kQuestion, candidates, vectors_of({0.8f, 0.75f, 0.3f, 0.2f}), {});
  EXPECT_TRUE(answer.found);
  EXPECT_EQ(answer.text, candidates[0].text + " [" + std::to_string(candidates[0].n) + "]\n\n" +
                             candidates[1].text + " [" + std::to_string(candidates[1].n) + "]");
}

TEST(Extractive, SentencesOfOnePassageKeepTheirOrder) {
  auto candidates = candidate_sentences("VACUUM", std::span(sources()).first(1), {});
  ASSERT_EQ(candidates.size(), 2u);
  std::ranges::sort(candidates, {}, &SentenceCandidate::start);
  const auto answer = compose_extractive(kQuestion, candidates, vectors_of({0.7f, 0.8f}), {});
  EXPECT_EQ(answer.text,
            "VACUUM reclaims storage occupied by dead tuples. [1] "
            "It may be run while the database is in use by others. [1]");
}

TEST(Extractive, NothingNearTheQuestionIsNothingFound) {
  const auto candidates = candidate_sentences("How do I bake bread?", sources(), {});
  const ExtractiveConfig config{.min_cosine = 0.45};
  const auto far =
      compose_extractive(kQuestion, candidates, vectors_of({0.44f, 0.3f, 0.1f, 0}), config);
  EXPECT_FALSE(far.found);
  EXPECT_EQ(far.text, kNothingFound);
  const auto near =
      compose_extractive(kQuestion, candidates, vectors_of({0.46f, 0.3f, 0.1f, 0}), config);
  EXPECT_TRUE(near.found);
  EXPECT_FALSE(compose_extractive(kQuestion, {}, {}, config).found);
}

TEST(Extractive, SentencesThatStandAloneArePreferred) {
  const std::vector<Source> vacuum = {
      source_of(1,
                "See the chapter on vacuuming for more information. "
                "However, it takes an exclusive lock on the table. "
                "Vacuuming reclaims the storage of dead tuples.")};
  auto candidates = candidate_sentences("vacuuming", vacuum, {});
  ASSERT_EQ(candidates.size(), 3u);
  for (SentenceCandidate& candidate : candidates) candidate.lexical = 0;
  std::ranges::sort(candidates, {}, &SentenceCandidate::start);
  const auto answer = compose_extractive(kQuestion, candidates, vectors_of({0.8f, 0.8f, 0.75f}),
                                         {.max_sentences = 1});
  EXPECT_EQ(answer.text, "Vacuuming reclaims the storage of dead tuples. [1]");
}

TEST(Extractive, WithoutVectorsWordsDecide) {
  const auto about = candidate_sentences("Which lock does VACUUM FULL require?", sources(), {});
  EXPECT_TRUE(compose_extractive({}, about, {}, {.max_sentences = 1}).found);
  const auto other = candidate_sentences("How do I bake sourdough bread?", sources(), {});
  EXPECT_FALSE(compose_extractive({}, other, {}, {}).found);
}

TEST(Extractive, TheSameIsNotSaidTwice) {
  std::vector<Source> overlapping = {sources()[0], sources()[0]};
  overlapping[1].n = 2;
  const auto candidates = candidate_sentences("VACUUM storage", overlapping, {});
  ASSERT_EQ(candidates.size(), 4u);
  const auto answer = compose_extractive({}, candidates, {}, {});
  EXPECT_EQ(answer.text.find("reclaims"), answer.text.rfind("reclaims"));
}

TEST(Extractive, WhatAColonAnnouncesIsQuotedOnLinesOfItsOwn) {
  const std::vector<Source> dump = {
      source_of(1,
                "To make a dump of one database, run:\n\npg_dump dbname > dumpfile\n\n"
                "The dump is consistent even while the database is in use.")};
  const auto candidates = candidate_sentences("dump of one database", dump, {});
  const auto answer = compose_extractive(kQuestion, candidates, vectors_of({0.8f, 0.7f}), {});
  EXPECT_EQ(answer.text,
            "To make a dump of one database, run:\n\npg_dump dbname > dumpfile\n[1]\n"
            "The dump is consistent even while the database is in use. [1]");
}

TEST(Extractive, WhatIsSaidOfATermNamesTheTermOnce) {
  const std::vector<Source> settings = {
      source_of(1,
                "max_connections (integer)\n\nDetermines the maximum number of connections. "
                "Not every one of them is open to all. The default is typically 100 connections.")};
  auto candidates = candidate_sentences("default of max_connections", settings, {});
  ASSERT_EQ(candidates.size(), 3u);
  std::ranges::sort(candidates, {}, &SentenceCandidate::start);
  EXPECT_EQ(compose_extractive(kQuestion, candidates, vectors_of({0.1f, 0.1f, 0.8f}), {}).text,
            "max_connections (integer) … The default is typically 100 connections. [1]");
  EXPECT_EQ(compose_extractive(kQuestion, candidates, vectors_of({0.79f, 0.1f, 0.8f}), {}).text,
            "max_connections (integer)\n\nDetermines the maximum number of connections. [1] "
            "The default is typically 100 connections. [1]");
}

TEST(Extractive, APassageThatIsVeryNearAnswersWithoutASentenceThatIs) {
  std::vector<Source> faq = {source_of(1, "How much is shipping?\n\n5 EUR within the EU.")};
  const auto found_at = [&](float passage_cosine) {
    faq[0].explanation.cosine = passage_cosine;
    const auto candidates = candidate_sentences("How much is shipping?", faq, {});
    return compose_extractive(kQuestion, candidates, vectors_of({0.2f}), {}).found;
  };
  EXPECT_FALSE(found_at(0.69f));
  EXPECT_TRUE(found_at(0.71f));
}

TEST(Extractive, AFactThatIsNoSentenceAnswersWhenAsked) {
  for (const std::string fact :
       {"- The default port is 8080", "Zeta is blue.", "port | 8080 tcp"}) {
    const std::vector<Source> facts = {source_of(1, fact)};
    const auto candidates = candidate_sentences(fact, facts, {});
    ASSERT_EQ(candidates.size(), 1u) << fact;
    const auto answer = compose_extractive(kQuestion, candidates, vectors_of({0.9f}), {});
    EXPECT_EQ(answer.text, fact + " [1]");
  }
}

TEST(Extractive, OfOverlappingPassagesTheOneWithTheTermIsQuoted) {
  const std::string said = "The default value is four megabytes of memory.";
  const std::vector<Source> overlapping = {
      source_of(1, said), source_of(2, "work_mem (integer)\n\nSets the memory. " + said)};
  for (const SentenceCandidate& candidate : candidate_sentences("default", overlapping, {})) {
    EXPECT_EQ(candidate.term, "work_mem (integer)");
  }
}

// Word for word; what " … " leaves out stands between.
bool stands_in(std::string_view source, std::string_view said) {
  constexpr std::string_view kGap = " … ";
  if (source.contains(said)) return true;
  const std::size_t gap = said.find(kGap);
  if (gap == said.npos) return false;
  const std::size_t term = source.find(said.substr(0, gap));
  return term != source.npos && source.find(said.substr(gap + kGap.size()), term) != source.npos;
}

// Whatever the passages and vectors: each cited piece stands word for word in the passage cited.
TEST(ExtractiveProperty, NothingIsSaidThatNoSourceSays) {
  Rng rng(5);
  const std::vector<std::string> pieces = {"The server writes its log to a file. ",
                                           "Run:\n\ncommand --flag\n\n",
                                           "Heading\n\n",
                                           "See e.g. the manual, version 1.5 or later. ",
                                           "\u00dcber sechs W\u00f6rter geht dieser Satz. ",
                                           "A question of many words this is? ",
                                           "Set the value to (a || b) $1 %% {x}. ",
                                           "\n- item one\n"};
  for (int round = 0; round < 300; ++round) {
    std::vector<Source> random;
    for (std::uint32_t n = 1; n <= 1 + rng.below(4); ++n) {
      std::string text;
      for (std::size_t i = rng.below(12); i > 0; --i) text += pieces[rng.below(pieces.size())];
      random.push_back(source_of(n, text));
    }
    const auto candidates = candidate_sentences("server log file value", random, {});
    std::vector<float> vectors;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      const auto cosine = static_cast<float>(rng.uniform());
      vectors.insert(vectors.end(), {cosine, std::sqrt(1 - cosine * cosine), 0, 0, 0});
    }
    const auto answer = compose_extractive(kQuestion, candidates, vectors, {});
    EXPECT_FALSE(answer.text.empty());
    if (!answer.found) continue;
    const std::regex citation(R"([ \n]\[(\d)\][ \n]*)");
    std::string rest = answer.text;
    std::smatch match;
    while (std::regex_search(rest, match, citation)) {
      const std::size_t n = static_cast<std::size_t>(std::stoi(match[1].str()));
      ASSERT_LE(n, random.size());
      const std::string said = match.prefix();
      EXPECT_TRUE(stands_in(random[n - 1].text, said)) << said;
      rest = match.suffix();
    }
    EXPECT_EQ(rest, ""); // nothing without a citation
  }
}

} // namespace
} // namespace raglan::rag

#include "rag/similar_questions.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "rag/same_answer.h"

namespace raglan::rag {
namespace {

using Vector = std::array<float, 2>;

Vector at_cosine(double cosine) {
  return {static_cast<float>(cosine), static_cast<float>(std::sqrt(1 - cosine * cosine))};
}

const Hash128 kGroup = hash128("group");
const Hash128 kOther = hash128("other");
constexpr Vector kAsked = {1, 0};

SimilarQuestionsConfig config(std::size_t max_questions = 100, std::size_t max_groups = 2) {
  const std::size_t each = SimilarQuestions::bytes_of("longest", kAsked.size());
  return {.enabled = true,
          .audit_ratio = 0,
          .max_bytes = max_questions * each + max_groups * SimilarQuestions::group_bytes()};
}

TEST(SimilarQuestions, TheNearestOfItsGroupIsFound) {
  SimilarQuestions questions(config());
  EXPECT_FALSE(questions.find_nearest(kGroup, kAsked));
  questions.add(kGroup, 1, "near", at_cosine(0.9));
  questions.add(kGroup, 1, "nearer", at_cosine(0.95));
  questions.add(kOther, 1, "of another group", kAsked);
  const auto nearest = questions.find_nearest(kGroup, kAsked);
  ASSERT_TRUE(nearest);
  EXPECT_EQ(nearest->text, "nearer");
  EXPECT_NEAR(nearest->similarity, 0.95, 1e-6);
  EXPECT_FALSE(nearest->reuse) << "nothing has been learned";
}

TEST(SimilarQuestions, WhatIsLessSimilarThanTheLeastIsNotFound) {
  SimilarQuestions questions(config());
  questions.add(kGroup, 1, "too far", at_cosine(SimilarQuestions::kMinSimilarity - 0.001));
  EXPECT_FALSE(questions.find_nearest(kGroup, kAsked));
  questions.add(kGroup, 1, "near enough", at_cosine(SimilarQuestions::kMinSimilarity + 0.001));
  EXPECT_TRUE(questions.find_nearest(kGroup, kAsked));
}

TEST(SimilarQuestions, ExperienceAllowsReuseAndForbidsItAgain) {
  SimilarQuestions questions(config());
  questions.add(kGroup, 1, "kept", at_cosine(0.95));
  auto nearest = questions.find_nearest(kGroup, kAsked);
  for (int i = 0; i < 100; ++i) questions.learn(kGroup, *nearest, true);
  EXPECT_TRUE(questions.find_nearest(kGroup, kAsked)->reuse);
  nearest = questions.find_nearest(kGroup, kAsked);
  for (int i = 0; i < 20; ++i) questions.learn(kGroup, *nearest, false);
  EXPECT_FALSE(questions.find_nearest(kGroup, kAsked)->reuse);
  const auto stats = questions.stats();
  EXPECT_EQ(stats.learned_same, 100u);
  EXPECT_EQ(stats.audited_other, 20u);
}

TEST(SimilarQuestions, AShareOfWhatCouldBeReusedIsAudited) {
  SimilarQuestionsConfig always_audited = config();
  always_audited.audit_ratio = 1;
  SimilarQuestions questions(always_audited);
  questions.add(kGroup, 1, "kept", at_cosine(0.95));
  const auto nearest = questions.find_nearest(kGroup, kAsked);
  for (int i = 0; i < 100; ++i) questions.learn(kGroup, *nearest, true);
  EXPECT_TRUE(questions.find_nearest(kGroup, kAsked)->reusable);
  EXPECT_FALSE(questions.find_nearest(kGroup, kAsked)->reuse);
}

TEST(SimilarQuestions, TheOneThatWasNotUsedForLongestMakesRoom) {
  SimilarQuestions questions(config(2));
  questions.add(kGroup, 1, "first", at_cosine(0.9));
  questions.add(kOther, 1, "second", at_cosine(0.9));
  ASSERT_TRUE(questions.find_nearest(kGroup, kAsked)); // uses the first
  questions.add(kGroup, 1, "third", at_cosine(0.7));
  EXPECT_FALSE(questions.find_nearest(kOther, kAsked));
  EXPECT_EQ(questions.find_nearest(kGroup, kAsked)->text, "first");
  EXPECT_EQ(questions.stats().questions, 2u);
}

TEST(SimilarQuestions, TheOneThatMakesRoomMayBeOfTheSameGroup) {
  SimilarQuestions questions(config(2, 1));
  questions.add(kGroup, 1, "first", at_cosine(0.9));
  questions.add(kGroup, 1, "third", at_cosine(0.7));
  ASSERT_TRUE(questions.find_nearest(kGroup, kAsked)); // uses the first
  questions.add(kGroup, 1, "fourth", at_cosine(0.8));
  EXPECT_EQ(questions.find_nearest(kGroup, kAsked)->text, "first") << "the third made room";
  EXPECT_NEAR(questions.find_nearest(kGroup, at_cosine(0.8))->similarity, 1, 1e-6);
  EXPECT_EQ(questions.stats().questions, 2u);
}

TEST(SimilarQuestions, AGroupTakesRoomToo) {
  SimilarQuestions questions(config(3, 1));
  for (int i = 0; i < 10; ++i) questions.add(hash128(std::to_string(i)), 1, "alone", kAsked);
  EXPECT_EQ(questions.stats().questions, 1u) << "two groups have no room";
}

TEST(SimilarQuestions, AQuestionIsKeptOnce) {
  SimilarQuestions questions(config());
  questions.add(kGroup, 1, "kept", kAsked);
  questions.add(kGroup, 1, "kept", kAsked);
  EXPECT_EQ(questions.stats().questions, 1u);
}

TEST(SimilarQuestions, APurgedCollectionKeepsNone) {
  SimilarQuestions questions(config());
  questions.add(kGroup, 1, "kept", kAsked);
  questions.add(kOther, 2, "of another collection", kAsked);
  questions.purge({.key = kGroup});
  EXPECT_EQ(questions.stats().questions, 2u) << "a key is an answer's";
  questions.purge({.scope = 1});
  EXPECT_FALSE(questions.find_nearest(kGroup, kAsked));
  EXPECT_TRUE(questions.find_nearest(kOther, kAsked));
  questions.purge({});
  EXPECT_EQ(questions.stats().questions, 0u);
}

Answer answer_of(std::initializer_list<std::uint64_t> chunks, bool found = true) {
  Answer answer;
  answer.found = found;
  for (const std::uint64_t chunk : chunks) answer.sources.push_back({.chunk_id = chunk});
  return answer;
}

TEST(SameAnswer, HasTheSameBestPassageAndHalfOfTheOthers) {
  EXPECT_TRUE(is_same_answer(answer_of({1, 2, 3, 4}), answer_of({1, 2, 3, 4})));
  EXPECT_TRUE(is_same_answer(answer_of({1, 2, 3, 4}), answer_of({1, 9, 8, 2})));
  EXPECT_FALSE(is_same_answer(answer_of({1, 2, 3, 4}), answer_of({1, 9, 8, 7})));
  EXPECT_FALSE(is_same_answer(answer_of({1, 2, 3, 4}), answer_of({2, 1, 3, 4})));
  EXPECT_TRUE(is_same_answer(answer_of({1, 2, 3, 4}), answer_of({1, 2})));
  EXPECT_FALSE(is_same_answer(answer_of({1, 2, 3, 4}), answer_of({1})));
}

TEST(SameAnswer, WhatFoundNothingIsOneAnswer) {
  EXPECT_TRUE(is_same_answer(answer_of({}, false), answer_of({}, false)));
  EXPECT_FALSE(is_same_answer(answer_of({1}, false), answer_of({1}, true)));
  EXPECT_FALSE(is_same_answer(answer_of({}, true), answer_of({1}, true)));
}

} // namespace
} // namespace raglan::rag

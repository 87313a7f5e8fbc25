#include "rag/similar_questions.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

#include "base/rng.h"

namespace raglan::rag {
namespace {

// Eight sums at a time, so that the compiler may use vectors.
float dot(const float* left, const float* right, std::size_t size) {
  constexpr std::size_t kLanes = 8;
  std::array<float, kLanes> sums{};
  std::size_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      sums[lane] += left[i + lane] * right[i + lane];
    }
  }
  float sum = 0;
  for (; i < size; ++i) sum += left[i] * right[i];
  for (const float lane : sums) sum += lane;
  return sum;
}

void copy_row(std::vector<float>& rows, std::size_t from, std::size_t to, std::size_t size) {
  std::copy_n(rows.begin() + static_cast<std::ptrdiff_t>(from * size), size,
              rows.begin() + static_cast<std::ptrdiff_t>(to * size));
}

} // namespace

std::optional<SimilarQuestion> SimilarQuestions::find_nearest(const Hash128& group,
                                                              std::span<const float> vector) {
  thread_local Rng rng(random_seed());
  return state_.with([&](State& state) -> std::optional<SimilarQuestion> {
    const auto found = state.groups.find(group);
    if (found == state.groups.end()) return std::nullopt;
    Group& known = found->second;
    Question* nearest = nullptr;
    float highest = kMinSimilarity;
    for (std::size_t i = 0; i < known.questions.size(); ++i) {
      const float cosine = dot(&known.vectors[i * vector.size()], vector.data(), vector.size());
      if (cosine < highest) continue;
      highest = cosine;
      nearest = &known.questions[i];
    }
    if (nearest == nullptr) return std::nullopt;
    nearest->used = ++state.clock;
    const double probability = known.model.probability_same(nearest->evidence, highest);
    const bool reusable = probability >= 1 - config_.max_error_ratio;
    return SimilarQuestion{.text = nearest->text,
                           .similarity = highest,
                           .reusable = reusable,
                           .reuse = reusable && rng.uniform() >= config_.audit_ratio};
  });
}

void SimilarQuestions::learn(const Hash128& group, const SimilarQuestion& nearest, bool same) {
  state_.with([&](State& state) {
    SimilarQuestionsStats& stats = state.stats;
    ++(nearest.reusable ? (same ? stats.audited_same : stats.audited_other)
                        : (same ? stats.learned_same : stats.learned_other));
    const auto found = state.groups.find(group);
    if (found == state.groups.end()) return;
    Group& known = found->second;
    const auto question = std::ranges::find(known.questions, nearest.text, &Question::text);
    if (question == known.questions.end()) return; // made room meanwhile
    known.model.learn(question->evidence, nearest.similarity, same);
  });
}

void SimilarQuestions::add(const Hash128& group, std::uint64_t scope, std::string text,
                           std::span<const float> vector) {
  state_.with([&](State& state) {
    Group& known = state.groups[group];
    const auto end = known.questions.end();
    if (std::ranges::find(known.questions, text, &Question::text) != end) return;
    known.scope = scope;
    known.vectors.insert(known.vectors.end(), vector.begin(), vector.end());
    known.questions.push_back({.text = std::move(text), .evidence = {}, .used = ++state.clock});
    if (++state.stats.questions > config_.max_questions) forget_longest_unused(state);
  });
}

void SimilarQuestions::forget_longest_unused(State& state) {
  auto least_group = state.groups.end();
  std::size_t least = 0;
  std::uint64_t longest_ago = state.clock + 1;
  for (auto at = state.groups.begin(); at != state.groups.end(); ++at) {
    const std::vector<Question>& questions = at->second.questions;
    for (std::size_t i = 0; i < questions.size(); ++i) {
      if (questions[i].used >= longest_ago) continue;
      longest_ago = questions[i].used;
      least_group = at;
      least = i;
    }
  }
  assert(least_group != state.groups.end());
  Group& group = least_group->second;
  const std::size_t last = group.questions.size() - 1;
  const std::size_t dimension = group.vectors.size() / group.questions.size();
  if (least != last) {
    group.questions[least] = std::move(group.questions[last]);
    copy_row(group.vectors, last, least, dimension);
  }
  group.questions.pop_back();
  group.vectors.resize(last * dimension);
  if (group.questions.empty()) state.groups.erase(least_group);
  --state.stats.questions;
}

void SimilarQuestions::purge(const cache::Selection& selection) {
  if (selection.key) return;
  state_.with([&](State& state) {
    std::erase_if(state.groups, [&](const auto& at) {
      const bool goes = !selection.scope || at.second.scope == *selection.scope;
      if (goes) state.stats.questions -= at.second.questions.size();
      return goes;
    });
  });
}

SimilarQuestionsStats SimilarQuestions::stats() const {
  SimilarQuestionsStats stats = state_.with([](const State& state) { return state.stats; });
  stats.reused = reused_;
  return stats;
}

} // namespace raglan::rag

#include "rag/similar_questions.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cassert>
#include <mutex>
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
  const std::shared_lock lock(mutex_);
  const auto found = groups_.find(group);
  if (found == groups_.end()) return std::nullopt;
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
  std::atomic_ref(nearest->used).store(++clock_, std::memory_order_relaxed);
  const double probability = known.model.probability_same(nearest->evidence, highest);
  const bool reusable = probability >= 1 - config_.max_error_ratio;
  return SimilarQuestion{.text = nearest->text,
                         .similarity = highest,
                         .reusable = reusable,
                         .reuse = reusable && rng.uniform() >= config_.audit_ratio};
}

void SimilarQuestions::learn(const Hash128& group, const SimilarQuestion& nearest, bool same) {
  ++(nearest.reusable ? (same ? counts_.audited_same : counts_.audited_other)
                      : (same ? counts_.learned_same : counts_.learned_other));
  const std::unique_lock lock(mutex_);
  const auto found = groups_.find(group);
  if (found == groups_.end()) return;
  Group& known = found->second;
  const auto question = std::ranges::find(known.questions, nearest.text, &Question::text);
  if (question == known.questions.end()) return; // made room meanwhile
  known.model.learn(question->evidence, nearest.similarity, same);
}

void SimilarQuestions::add(const Hash128& group, cache::Scope scope, std::string text,
                           std::span<const float> vector) {
  const std::unique_lock lock(mutex_);
  Group& known = groups_[group];
  const auto end = known.questions.end();
  if (std::ranges::find(known.questions, text, &Question::text) != end) return;
  known.scope = scope;
  known.vectors.insert(known.vectors.end(), vector.begin(), vector.end());
  known.questions.push_back({.text = std::move(text), .evidence = {}, .used = ++clock_});
  bytes_ += bytes_of(known.questions.back().text, vector.size());
  if (known.questions.size() == 1) bytes_ += group_bytes();
  ++counts_.questions;
  while (bytes_ > config_.max_bytes) forget_longest_unused();
}

std::size_t SimilarQuestions::bytes_of(std::string_view text, std::size_t dimension) {
  return dimension * sizeof(float) + sizeof(Question) + text.size();
}

void SimilarQuestions::forget_longest_unused() {
  auto least_group = groups_.end();
  std::size_t least = 0;
  std::uint64_t longest_ago = clock_ + 1;
  for (auto at = groups_.begin(); at != groups_.end(); ++at) {
    const std::vector<Question>& questions = at->second.questions;
    for (std::size_t i = 0; i < questions.size(); ++i) {
      if (questions[i].used >= longest_ago) continue;
      longest_ago = questions[i].used;
      least_group = at;
      least = i;
    }
  }
  assert(least_group != groups_.end());
  Group& group = least_group->second;
  const std::size_t last = group.questions.size() - 1;
  const std::size_t dimension = group.vectors.size() / group.questions.size();
  bytes_ -= bytes_of(group.questions[least].text, dimension);
  if (least != last) {
    group.questions[least] = std::move(group.questions[last]);
    copy_row(group.vectors, last, least, dimension);
  }
  group.questions.pop_back();
  group.vectors.resize(last * dimension);
  if (group.questions.empty()) {
    groups_.erase(least_group);
    bytes_ -= group_bytes();
  }
  --counts_.questions;
}

void SimilarQuestions::purge(const cache::Selection& selection) {
  if (selection.key) return;
  const std::unique_lock lock(mutex_);
  std::erase_if(groups_, [&](const auto& at) {
    const Group& group = at.second;
    if (!selection.fits(group.scope)) return false;
    const std::size_t dimension = group.vectors.size() / group.questions.size();
    for (const Question& question : group.questions) bytes_ -= bytes_of(question.text, dimension);
    bytes_ -= group_bytes();
    counts_.questions -= group.questions.size();
    return true;
  });
}

SimilarQuestionsStats SimilarQuestions::stats() const {
  return {.questions = counts_.questions,
          .reused = counts_.reused,
          .audited_same = counts_.audited_same,
          .audited_other = counts_.audited_other,
          .learned_same = counts_.learned_same,
          .learned_other = counts_.learned_other};
}

} // namespace raglan::rag

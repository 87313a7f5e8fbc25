// Similar questions: whose answer may be reused for a question that is worded otherwise.
//
// Off unless the operator says so: a reused answer is one that was made for another question, and
// only experience says how often that is wrong. Kept are questions with their vectors, in groups
// whose answers could be each other's: one tenant, one collection, the same parameters
// (query_key.h: reuse_group). For a question that is not cached the nearest of its group is found.
// Its answer is reused where policy::ReuseModel holds an error for less likely than
// `max_error_ratio`; in other cases, and in a share `audit_ratio` of those, the question is
// answered as any other, and whether the two answers are the same (same_answer.h) is learned. So
// the error that `stats` shows is measured, on what would have been reused.
//
// What is learned belongs to questions and stays over writes; an answer of before a write is never
// reused, since its key has the generation in it.
//
// Each look compares with every question of the group: about a millisecond for 10,000.
// `find_nearest`, `learn` and `add` belong on an executor and not on an event loop. All groups
// together have no more than `max_questions`; the one that was not used for longest makes room.
//
// Thread safety: any thread, concurrently.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/guarded.h"
#include "base/hash.h"
#include "cache/selection.h"
#include "config/table.h"
#include "policy/reuse_model.h"

namespace raglan::rag {

struct SimilarQuestionsConfig {
  bool enabled = false;
  double max_error_ratio = 0.02;
  double audit_ratio = 0.05;
  std::size_t max_questions = 10'000;
};

inline void describe(config::Table<SimilarQuestionsConfig>& table) {
  using C = SimilarQuestionsConfig;
  table.field("enabled", &C::enabled,
              "whether the answer to a similar question may be reused, where experience allows it");
  table
      .ratio("max_error_ratio", &C::max_error_ratio,
             "how many of the reused answers may be others than the question's own")
      .max(0.5);
  table
      .ratio("audit_ratio", &C::audit_ratio,
             "how many of the questions that could reuse an answer are answered all the same, to "
             "measure the error")
      .min(0.001);
  table
      .field("max_questions", &C::max_questions,
             "questions that are kept, about 2.5 kB each in memory")
      .min(1)
      .max(100'000);
}

// A kept question that is near to the one asked.
struct SimilarQuestion {
  std::string text;
  double similarity = 0; // cosine
  bool reusable = false; // by experience
  bool reuse = false;    // and not to be audited
};

struct SimilarQuestionsStats {
  std::size_t questions = 0;       // kept
  std::uint64_t reused = 0;        // answers
  std::uint64_t audited_same = 0;  // could have been reused, and that would have been right
  std::uint64_t audited_other = 0; // … would have been wrong
  std::uint64_t learned_same = 0;  // could not have been reused
  std::uint64_t learned_other = 0;
};

class SimilarQuestions {
 public:
  // Less similar questions have nothing to do with each other.
  static constexpr double kMinSimilarity = 0.6;

  explicit SimilarQuestions(SimilarQuestionsConfig config) : config_(config) {}

  bool enabled() const { return config_.enabled; }

  // Of that group, the most similar one; nothing below kMinSimilarity. `vector` is of length 1.
  std::optional<SimilarQuestion> find_nearest(const Hash128& group, std::span<const float> vector);
  // Its answer was reused. Never waits for those who look.
  void count_reuse() { ++reused_; }
  // Both questions' answers are there.
  void learn(const Hash128& group, const SimilarQuestion& nearest, bool same);
  // To be found from now on. `scope`: of the collection, to be purged by.
  void add(const Hash128& group, std::uint64_t scope, std::string text,
           std::span<const float> vector);
  // A selection with a key removes nothing: an answer is gone, and not what is known of it.
  void purge(const cache::Selection& selection);

  SimilarQuestionsStats stats() const;

 private:
  struct Question {
    std::string text;
    policy::ReuseEvidence evidence;
    std::uint64_t used = 0; // State::clock, then
  };
  struct Group {
    std::uint64_t scope = 0;
    std::vector<Question> questions;
    std::vector<float> vectors; // a row for each question
    policy::ReuseModel model;
  };
  struct State {
    std::unordered_map<Hash128, Group> groups;
    std::uint64_t clock = 0; // counts uses
    SimilarQuestionsStats stats;
  };

  static void forget_longest_unused(State& state);

  const SimilarQuestionsConfig config_;
  Guarded<State> state_;
  std::atomic<std::uint64_t> reused_ = 0; // SimilarQuestionsStats::reused
};

} // namespace raglan::rag

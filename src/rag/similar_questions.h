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
// Each look compares with every question of the group: about a millisecond for 10,000. Looks go on
// beside each other. All but `stats` and `count_reuse` belong on an executor and not on an event
// loop. All groups together have no more than `max_bytes`; the question that was not used for
// longest makes room.
//
// Thread safety: any thread, concurrently.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "cache/selection.h"
#include "config/table.h"
#include "policy/reuse_model.h"

namespace raglan::rag {

struct SimilarQuestionsConfig {
  bool enabled = false;
  double max_error_ratio = 0.02;
  double audit_ratio = 0.05;
  std::size_t max_bytes = 32 << 20;
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
      .bytes("max_bytes", &C::max_bytes,
             "memory for the questions that are kept, with their vectors: about 2 kB each at 384 "
             "dimensions")
      .min(64 * 1024);
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
 private:
  struct Question {
    std::string text;
    policy::ReuseEvidence evidence;
    std::uint64_t used = 0; // clock_, then; by std::atomic_ref while others may look
  };
  struct Group {
    std::uint64_t scope = 0;
    std::vector<Question> questions;
    std::vector<float> vectors; // a row for each question
    policy::ReuseModel model;
  };

 public:
  // Less similar questions have nothing to do with each other.
  static constexpr double kMinSimilarity = 0.6;

  explicit SimilarQuestions(SimilarQuestionsConfig config) : config_(config) {}

  bool enabled() const { return config_.enabled; }

  // Of that group, the most similar one; nothing below kMinSimilarity. `vector` is of length 1.
  std::optional<SimilarQuestion> find_nearest(const Hash128& group, std::span<const float> vector);
  // What a question is charged, and the first of a group besides.
  static std::size_t bytes_of(std::string_view text, std::size_t dimension);
  static constexpr std::size_t group_bytes() { return sizeof(Group); }

  // Its answer was reused. Never waits.
  void count_reuse() { ++counts_.reused; }
  // Both questions' answers are there.
  void learn(const Hash128& group, const SimilarQuestion& nearest, bool same);
  // To be found from now on. `scope`: of the collection, to be purged by.
  void add(const Hash128& group, cache::Scope scope, std::string text,
           std::span<const float> vector);
  // A selection with a key removes nothing: an answer is gone, and not what is known of it.
  void purge(const cache::Selection& selection);

  // Never waits.
  SimilarQuestionsStats stats() const;

 private:
  struct Counts { // as SimilarQuestionsStats
    std::atomic<std::size_t> questions = 0;
    std::atomic<std::uint64_t> reused = 0;
    std::atomic<std::uint64_t> audited_same = 0;
    std::atomic<std::uint64_t> audited_other = 0;
    std::atomic<std::uint64_t> learned_same = 0;
    std::atomic<std::uint64_t> learned_other = 0;
  };

  void forget_longest_unused();

  const SimilarQuestionsConfig config_;
  mutable std::shared_mutex mutex_; // looks share it
  std::unordered_map<Hash128, Group> groups_;
  std::size_t bytes_ = 0;                // of all questions
  std::atomic<std::uint64_t> clock_ = 0; // counts uses
  Counts counts_;
};

} // namespace raglan::rag

// The reuse stage: for a question whose answer is not cached, the cached answer to a similar one.
//
//   auto similar = co_await reuse.find(request, generation, vector);
//   if (similar.reusable_answer()) …                    // serve that
//   … compute `answer` …
//   reuse.settle(request, vector, std::move(similar), *answer);
//
// What is similar enough is learned (rag/similar_questions.h). A reused answer is not kept as the
// question's own: each question is judged by itself.
//
// Thread safety: any event loop, concurrently. Must outlive the loops' last coroutine.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "net/offload.h"
#include "rag/answer_cache.h"
#include "rag/query_key.h"
#include "rag/similar_questions.h"

namespace raglan::rag {

class ReuseStage {
 public:
  struct Parts {
    AnswerCache& answers;
    net::Submit search; // the executor of searches: this is one
    const Clock& clock;
  };
  struct Similar {
    std::optional<SimilarQuestion> question;
    std::shared_ptr<const Answer> answer; // that question's, of the same generation; may be null

    std::shared_ptr<const Answer> reusable_answer() const {
      return question && question->reuse ? answer : nullptr;
    }
  };

  ReuseStage(SimilarQuestionsConfig config, ConfigKeys keys, Parts parts)
      : keys_(keys), parts_(std::move(parts)), questions_(config) {}

  // Whether it is worth asking: not for what nobody waits for, which is to be computed, nor for a
  // question that means what it does in its conversation, or beside another one.
  bool serves(const QueryRequest& request) const {
    const bool alone = !request.conversation && request.search.empty();
    return questions_.enabled() && !request.background && alone;
  }

  // Nothing similar when the executor is full or the deadline passes: the question goes on alone.
  net::Task<Similar> find(const QueryRequest& request, store::Generation generation,
                          std::vector<float> vector);
  // The question was computed after all: noted on the executor, in a while.
  void settle(const QueryRequest& request, std::vector<float> vector, const Similar& similar,
              const Answer& answer);

  SimilarQuestions& questions() { return questions_; }

 private:
  const ConfigKeys keys_;
  const Parts parts_;
  SimilarQuestions questions_;
};

} // namespace raglan::rag

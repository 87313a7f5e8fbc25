#include "rag/reuse_stage.h"

#include <utility>

#include "rag/same_answer.h"

namespace raglan::rag {

net::Task<ReuseStage::Similar> ReuseStage::find(const QueryRequest& request,
                                                store::Generation generation,
                                                std::vector<float> vector) {
  using Nearest = std::optional<SimilarQuestion>;
  auto work = [this, group = reuse_group(request, keys_),
               vector = std::move(vector)]() -> Result<Nearest> {
    return questions_.find_nearest(group, vector);
  };
  auto nearest =
      co_await net::offload(parts_.search, std::move(work), request.deadline, parts_.clock);
  Similar similar;
  if (!nearest || !*nearest) co_return similar;
  similar.question = std::move(**nearest);
  QueryRequest other = request;
  other.query = similar.question->text;
  const Hash128 key = query_key(other, generation, keys_);
  const AnswerCache::Found found = parts_.answers.peek(key);
  if (found.answer && parts_.clock.now() < found.expires) similar.answer = found.answer;
  if (similar.reusable_answer()) {
    questions_.count_reuse();
    (void)parts_.answers.find(key); // counts as a hit, and a use of the entry, now that it is one
  }
  co_return similar;
}

void ReuseStage::settle(const QueryRequest& request, std::vector<float> vector,
                        const Similar& similar, const Answer& answer) {
  const Hash128 group = reuse_group(request, keys_);
  const bool compared = similar.question && similar.answer;
  const bool same = compared && is_same_answer(*similar.answer, answer);
  auto note = [this, group, compared, same, question = similar.question,
               scope = scope_of(request.collection), text = normalise_query(request.query),
               vector = std::move(vector)] {
    if (compared) questions_.learn(group, *question, same);
    // What an answer that is kept already says needs no second question to be found by.
    if (!same) questions_.add(group, scope, text, vector);
  };
  // It looks at many questions. With the executor full it is left out: nobody's answer needs it.
  (void)parts_.search(std::move(note));
}

} // namespace raglan::rag

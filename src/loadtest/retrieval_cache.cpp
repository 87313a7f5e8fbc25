// The notes, "Retrieval Caching": less load on the vector database.
#include <fmt/format.h>

#include <limits>

#include "loadtest/claims.h"
#include "loadtest/node_work.h"
#include "loadtest/rig.h"

namespace raglan::loadtest {
namespace {

struct Searched {
  NodeWork work;
  double p50_ms = 0;
};

// /v1/search for questions that /v1/query has answered: other entries of the query cache, the same
// passages.
Result<Searched> search_after_query(MeasuredNode& node, std::span<const std::string> questions) {
  if (auto filled = ask_each(node, questions, {}); !filled) return forward_error(filled);
  auto before = work_so_far(node);
  if (!before) return forward_error(before);
  auto took = ask_each(node, questions, {}, "/v1/search");
  if (!took) return forward_error(took);
  auto after = work_so_far(node);
  if (!after) return forward_error(after);
  return Searched{*after - *before, median(*took)};
}

Result<Outcome> measure(Rig& rig) {
  auto questions = some_questions(rig, rig.choose(8, 25));
  if (!questions) return forward_error(questions);
  auto without = rig.start_node({"cache.retrieval.enabled=false"});
  if (!without) return forward_error(without);
  auto with = rig.start_node();
  if (!with) return forward_error(with);
  auto off = search_after_query(**without, *questions);
  if (!off) return forward_error(off);
  auto on = search_after_query(**with, *questions);
  if (!on) return forward_error(on);
  const auto count = static_cast<double>(questions->size());
  Outcome outcome{.off_is = "cache.retrieval.enabled=false",
                  .on_is = "the retrieval cache",
                  .off = Figure::exactly(off->work.searches / count),
                  .on = Figure::exactly(on->work.searches / count),
                  .unit = "searches a request",
                  .judged = on->work.searches / count};
  outcome.ratio = on->work.searches == 0 ? std::numeric_limits<double>::infinity()
                                         : off->work.searches / on->work.searches;
  outcome.notes = fmt::format(
      "{} questions, /v1/search after /v1/query. SQL statements a request: {} off, {} on; calls of "
      "the model: {} off, {} on; p50 {} ms off, {} ms on.",
      questions->size(), figure_text(off->work.statements / count),
      figure_text(on->work.statements / count), figure_text(off->work.embedding_calls / count),
      figure_text(on->work.embedding_calls / count), figure_text(off->p50_ms),
      figure_text(on->p50_ms));
  return outcome;
}

} // namespace

Claim retrieval_cache() {
  return {.id = "cache.retrieval.searches",
          .text = "Retrieval caching: passages that were found once are not searched again",
          .promise = {.max = 0, .unit = "searches a request"},
          .measure = measure};
}

} // namespace raglan::loadtest

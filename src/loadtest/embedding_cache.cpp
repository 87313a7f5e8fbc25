// The notes, "Embedding Caching": redundant embedding calls are eliminated.
#include <fmt/format.h>

#include <limits>

#include "base/clock.h"
#include "loadtest/claims.h"
#include "loadtest/node_work.h"
#include "loadtest/rig.h"

namespace raglan::loadtest {
namespace {

constexpr std::string_view kOff = "cache.embedding.enabled=false";

// What a second time costs.
struct Again {
  NodeWork work;
  double milliseconds = 0;
};

using Once = std::function<Result<double>(MeasuredNode& node, bool again)>; // milliseconds

Result<Again> measure_again(MeasuredNode& node, const Once& once) {
  if (auto first = once(node, false); !first) return forward_error(first);
  auto before = work_so_far(node);
  if (!before) return forward_error(before);
  auto milliseconds = once(node, true);
  if (!milliseconds) return forward_error(milliseconds);
  auto after = work_so_far(node);
  if (!after) return forward_error(after);
  return Again{*after - *before, *milliseconds};
}

Result<Outcome> off_and_on(Rig& rig, const Once& once, std::string_view what) {
  auto without = rig.start_node({std::string(kOff)});
  if (!without) return forward_error(without);
  auto with = rig.start_node();
  if (!with) return forward_error(with);
  auto off = measure_again(**without, once);
  if (!off) return forward_error(off);
  auto on = measure_again(**with, once);
  if (!on) return forward_error(on);
  Outcome outcome{.off_is = std::string(kOff),
                  .on_is = "the embedding cache",
                  .off = Figure::exactly(off->work.embedding_calls),
                  .on = Figure::exactly(on->work.embedding_calls),
                  .unit = "calls",
                  .judged = on->work.embedding_calls};
  outcome.ratio = on->work.embedding_calls == 0
                      ? std::numeric_limits<double>::infinity()
                      : off->work.embedding_calls / on->work.embedding_calls;
  outcome.notes = fmt::format(
      "{} {} tokens were computed off, {} on; it took {} ms off, {} ms on. One run: counts.", what,
      off->work.embedding_tokens, on->work.embedding_tokens, figure_text(off->milliseconds),
      figure_text(on->milliseconds));
  return outcome;
}

Result<Outcome> ask_again(Rig& rig) {
  auto questions = some_questions(rig, rig.choose(8, 25));
  if (!questions) return forward_error(questions);
  const Once once = [&](MeasuredNode& node, bool again) -> Result<double> {
    boost::json::object fields;
    if (again) fields["cache"] = "refresh";
    auto took = ask_each(node, *questions, fields);
    if (!took) return forward_error(took);
    double sum = 0;
    for (const double milliseconds : *took) sum += milliseconds;
    return sum;
  };
  return off_and_on(
      rig, once, fmt::format("{} questions, asked again with cache: refresh.", questions->size()));
}

Result<Outcome> ingest_again(Rig& rig) {
  const auto documents = documents_of(rig.corpus(), rig.choose(10'000, 60'000));
  const Once once = [&](MeasuredNode& node, bool again) -> Result<double> {
    const boost::json::object body{{"documents", documents},
                                   {"collection", again ? "prove-b" : "prove-a"}};
    const Clock& clock = SystemClock::instance();
    const MonotonicTime began = clock.now();
    auto reply = node.call("POST", "/v1/documents", body);
    if (!reply) return forward_error(reply);
    return to_milliseconds(clock.now() - began);
  };
  return off_and_on(rig, once,
                    fmt::format("{} documents, written to a second collection.", documents.size()));
}

} // namespace

Claim embedding_cache_questions() {
  return {.id = "cache.embedding.questions",
          .text = "Embedding caching: a question that is answered anew is not embedded anew",
          .promise = {.max = 0, .unit = "calls"},
          .measure = ask_again};
}

Claim embedding_cache_ingest() {
  return {.id = "cache.embedding.ingest",
          .text = "Embedding caching: texts that were embedded once are not embedded again",
          .promise = {.max = 0, .unit = "calls"},
          .measure = ingest_again};
}

} // namespace raglan::loadtest

// Questions while a large ingest runs: a question waits behind at most one micro-batch of it.
//
// The notes promise nothing here; the bound is ours.
#include <fmt/format.h>

#include <atomic>
#include <thread>

#include "loadtest/claims.h"
#include "loadtest/node_work.h"
#include "loadtest/rig.h"

namespace raglan::loadtest {
namespace {

constexpr double kBoundMs = 100;
constexpr std::size_t kIngestBytes = 4 << 20; // more than can be embedded meanwhile

// Passages only, none of them from a cache.
const boost::json::object kFields{{"mode", "retrieve"}, {"cache", "bypass"}};

// Writes documents until it is told to end; how many.
class Ingest {
 public:
  Ingest(MeasuredNode& node, boost::json::array documents)
      : thread_([this, &node, documents = std::move(documents)] { write(node, documents); }) {}

  // Whether it was still at work.
  bool end() {
    const bool busy = !done_;
    stop_ = true;
    thread_.join();
    return busy && !failed_;
  }
  std::size_t written() const { return written_; }

 private:
  void write(MeasuredNode& node, const boost::json::array& documents) {
    for (std::size_t i = 0; i < documents.size() && !stop_; ++i) {
      auto reply = node.call("POST", "/v1/documents", documents[i]);
      if (!reply) failed_ = true;
      if (!reply) break;
      ++written_;
    }
    done_ = true;
  }

  std::atomic<bool> stop_ = false;
  std::atomic<bool> done_ = false;
  std::atomic<bool> failed_ = false;
  std::atomic<std::size_t> written_ = 0;
  std::jthread thread_; // last: it uses the others
};

Result<Outcome> measure(Rig& rig) {
  auto questions = some_questions(rig, rig.choose(100, 300));
  if (!questions) return forward_error(questions);
  auto node = rig.start_node();
  if (!node) return forward_error(node);
  const std::size_t warm = std::min<std::size_t>(questions->size(), 20);
  if (auto filled = ask_each(**node, questions->first(warm), kFields); !filled) {
    return forward_error(filled);
  }
  std::vector<double> off;
  std::vector<double> on;
  std::size_t written = 0;
  const int repetitions = rig.choose(1, 3);
  for (int i = 0; i < repetitions; ++i) {
    auto idle = ask_each(**node, *questions, kFields);
    if (!idle) return forward_error(idle);
    const std::string mark = fmt::format("prove{} ", i);
    Ingest ingest(**node, documents_of(rig.corpus(), kIngestBytes, mark));
    auto busy = ask_each(**node, *questions, kFields);
    const bool went_on = ingest.end();
    if (!busy) return forward_error(busy);
    if (!went_on)
      return fail(
          ErrorCode::kUnavailable,
          "the documents are too few: they were written before the questions were answered");
    written += ingest.written();
    off.push_back(quantile(*idle, 0.99));
    on.push_back(quantile(*busy, 0.99));
  }
  Outcome outcome{.off_is = "an idle node",
                  .on_is = "while documents are written to the same collection",
                  .off = Figure::of(off),
                  .on = Figure::of(on),
                  .unit = "ms p99"};
  outcome.ratio = outcome.off.median / outcome.on.median;
  outcome.judged = outcome.on.median - outcome.off.median;
  outcome.notes = fmt::format(
      "{} distinct questions in turn from one client (passages, cache: bypass), {} repetitions; {} "
      "documents were written meanwhile, by one client. Judged: the difference.",
      questions->size(), repetitions, written);
  return outcome;
}

} // namespace

Claim question_during_ingest() {
  return {.id = "ingest.question_p99",
          .text = "A large ingest adds at most 100 ms to the p99 of questions",
          .promise = {.max = kBoundMs, .unit = "ms more"},
          .measure = measure};
}

} // namespace raglan::loadtest

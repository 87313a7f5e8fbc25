// The notes, "Embedding Batching": 5-10x fewer API calls, 2-10x the throughput. Our own bounds are
// 10x fewer calls and twice the throughput, with an API that costs 20 ms a call: the provider
// stand-in, in this process.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>

#include <boost/json/array.hpp>

#include "base/clock.h"
#include "loadtest/claims.h"
#include "loadtest/node_work.h"
#include "loadtest/provider_stand_in.h"
#include "loadtest/rig.h"

namespace raglan::loadtest {
namespace json = boost::json;
namespace {

constexpr std::chrono::milliseconds kCallLatency{20};
constexpr std::size_t kFewestTexts = 100;
constexpr std::size_t kClients = 64;
constexpr std::string_view kOff = "embedding.max_batch_texts=1";

// What a load cost.
struct Cost {
  double calls = 0;
  double per_second = 0; // documents or questions
};

// One after the other, since each has a node and the provider to itself.
using Load = Result<> (*)(MeasuredNode& node, std::span<const std::string> texts);

// Short documents, of the corpus' own sentences, in one request.
Result<> write_documents(MeasuredNode& node, std::span<const std::string> texts) {
  json::array documents;
  for (const std::string& text : texts) {
    documents.push_back(json::object{{"id", fmt::format("{}", documents.size())}, {"text", text}});
  }
  const json::object body{{"documents", std::move(documents)}};
  auto reply = node.call("POST", "/v1/documents", body);
  return reply ? Result<>() : forward_error(reply);
}

Result<> ask_questions(MeasuredNode& node, std::span<const std::string> texts) {
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> failed = false;
  run_on_threads(kClients, [&](std::size_t) {
    const json::object fields{{"mode", "retrieve"}, {"cache", "bypass"}};
    for (std::size_t i = next++; i < texts.size() && !failed; i = next++) {
      if (!node.ask(texts[i], fields)) failed = true;
    }
  });
  return failed ? fail(ErrorCode::kUpstream, "a question failed") : Result<>();
}

double calls_of(const ProviderStandIn& provider) {
  double calls = 0;
  for (const auto& [route, count] : provider.stats().calls) calls += static_cast<double>(count);
  return calls;
}

// On a node of its own, which has one document.
Result<Cost> run(Rig& rig, ProviderStandIn& provider, std::span<const std::string> texts, Load load,
                 const std::vector<std::string>& more_settings) {
  std::vector<std::string> settings = {"embedding.provider=openai",
                                       fmt::format("embedding.base_url={}/v1", provider.url()),
                                       "embedding.model=stand-in", "embedding.dimensions=384"};
  settings.insert(settings.end(), more_settings.begin(), more_settings.end());
  auto node = rig.start_empty_node(settings);
  if (!node) return forward_error(node);
  const std::vector<std::string> first{"The first document of all."};
  if (auto ok = write_documents(**node, first); !ok) return forward_error(ok);
  provider.reset_stats();
  const Clock& clock = SystemClock::instance();
  const MonotonicTime began = clock.now();
  if (auto ok = load(**node, texts); !ok) return forward_error(ok);
  const double seconds = to_milliseconds(clock.now() - began) / 1000;
  return Cost{calls_of(provider), static_cast<double>(texts.size()) / seconds};
}

struct Costs {
  std::vector<double> calls;
  std::vector<double> per_second;

  void add(const Cost& cost) {
    calls.push_back(cost.calls);
    per_second.push_back(cost.per_second);
  }
};

struct Measured {
  Costs off;
  Costs on;
  std::string notes;
};

Result<Measured> run_both(Rig& rig, Load load, std::string_view what) {
  const auto texts = rig.questions(rig.choose(200, 1'000));
  if (texts.size() < kFewestTexts) {
    return fail(ErrorCode::kUnavailable, "the documents give too few texts");
  }
  auto provider = ProviderStandIn::start({}, {.latency = kCallLatency});
  if (!provider) return forward_error(provider);
  Measured measured;
  const int repetitions = rig.choose(1, 3);
  for (int i = 0; i < repetitions; ++i) {
    auto off = run(rig, **provider, texts, load, {std::string(kOff)});
    if (!off) return forward_error(off);
    auto on = run(rig, **provider, texts, load, {});
    if (!on) return forward_error(on);
    measured.off.add(*off);
    measured.on.add(*on);
  }
  measured.notes = fmt::format(
      "{} {}; a stand-in of an embeddings API, {} ms a call, in the measuring process; {} "
      "repetitions in turn. Calls: {} off, {} on; a second: {} off, {} on.",
      texts.size(), what, kCallLatency.count(), repetitions,
      figure_text(median(measured.off.calls)), figure_text(median(measured.on.calls)),
      figure_text(median(measured.off.per_second)), figure_text(median(measured.on.per_second)));
  return measured;
}

enum class Shown { kCalls, kThroughput };

Result<Outcome> measure(Rig& rig, Load load, std::string_view what, Shown shown) {
  auto measured = run_both(rig, load, what);
  if (!measured) return forward_error(measured);
  const bool calls = shown == Shown::kCalls;
  const auto figure = [&](const Costs& costs) {
    return Figure::of(calls ? costs.calls : costs.per_second);
  };
  Outcome outcome{.off_is = fmt::format("calls of one text ({})", kOff),
                  .on_is = "calls as full as can be",
                  .off = figure(measured->off),
                  .on = figure(measured->on),
                  .unit = calls ? "calls" : "texts/s",
                  .notes = std::move(measured->notes)};
  outcome.ratio =
      calls ? outcome.off.median / outcome.on.median : outcome.on.median / outcome.off.median;
  outcome.judged = outcome.ratio;
  return outcome;
}

constexpr std::string_view kDocuments = "short documents in one request";
constexpr std::string_view kQuestions = "questions from 64 clients at a time (cache: bypass)";

} // namespace

Claim remote_ingest_calls() {
  return {
      .id = "batching.remote_calls",
      .text = "Embedding batching: an ingest makes a tenth of the calls of a remote API",
      .promise = {.min = 10, .unit = "x"},
      .measure = [](Rig& rig) { return measure(rig, write_documents, kDocuments, Shown::kCalls); }};
}

Claim remote_ingest_throughput() {
  return {.id = "batching.remote_throughput",
          .text = "Embedding batching: an ingest has twice the throughput with a remote API",
          .promise = {.min = 2, .max = 10, .unit = "x"},
          .measure = [](Rig& rig) {
            return measure(rig, write_documents, kDocuments, Shown::kThroughput);
          }};
}

Claim remote_clients_calls() {
  return {
      .id = "batching.remote_clients_calls",
      .text =
          "Embedding batching: 64 clients together make a tenth of the calls of a remote "
          "API",
      .promise = {.min = 10, .unit = "x"},
      .measure = [](Rig& rig) { return measure(rig, ask_questions, kQuestions, Shown::kCalls); }};
}

Claim remote_clients_throughput() {
  return {.id = "batching.remote_clients_throughput",
          .text = "Embedding batching: 64 clients have twice the throughput with a remote API",
          .promise = {.min = 2, .max = 10, .unit = "x"},
          .measure = [](Rig& rig) {
            return measure(rig, ask_questions, kQuestions, Shown::kThroughput);
          }};
}

} // namespace raglan::loadtest

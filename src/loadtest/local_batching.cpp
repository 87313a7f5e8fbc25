// The notes, "Batching": 2-10x the throughput. For a model in this process, which has no call over
// a network to save, our own bound is 1.5x: what padding and parallelism leave.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>

#include <boost/json/array.hpp>

#include "base/clock.h"
#include "loadtest/claims.h"
#include "loadtest/node_work.h"
#include "loadtest/rig.h"

namespace raglan::loadtest {
namespace json = boost::json;
namespace {

constexpr std::size_t kWords = 11; // of running text: about 16 tokens
constexpr std::size_t kFewestTexts = 32;
constexpr std::size_t kClients = 64;

// The first words of texts that have so many.
std::vector<std::string> short_texts(std::span<const std::string> questions, std::size_t most) {
  std::vector<std::string> texts;
  for (const std::string& question : questions) {
    std::size_t end = 0;
    for (std::size_t word = 0; word < kWords && end != question.npos; ++word) {
      end = question.find(' ', end + 1);
    }
    if (end != question.npos) texts.push_back(question.substr(0, end));
    if (texts.size() == most) break;
  }
  return texts;
}

Result<> embed(MeasuredNode& node, std::span<const std::string> texts) {
  json::array input;
  for (const std::string& text : texts) input.emplace_back(text);
  const json::object body{{"input", std::move(input)}, {"encoding_format", "base64"}};
  auto reply = node.call("POST", "/v1/embeddings", body);
  return reply ? Result<>() : forward_error(reply);
}

// Texts per second.
template <typename Work>
Result<double> throughput(std::size_t texts, Work work) {
  const Clock& clock = SystemClock::instance();
  const MonotonicTime began = clock.now();
  if (auto ok = work(); !ok) return forward_error(ok);
  return 1000 * static_cast<double>(texts) / to_milliseconds(clock.now() - began);
}

Result<double> one_by_one(MeasuredNode& node, std::span<const std::string> texts) {
  return throughput(texts.size(), [&]() -> Result<> {
    for (std::size_t i = 0; i < texts.size(); ++i) {
      if (auto ok = embed(node, texts.subspan(i, 1)); !ok) return ok;
    }
    return {};
  });
}

Result<double> all_at_once(MeasuredNode& node, std::span<const std::string> texts) {
  return throughput(texts.size(), [&] { return embed(node, texts); });
}

Result<double> many_clients(MeasuredNode& node, std::span<const std::string> texts) {
  return throughput(texts.size(), [&]() -> Result<> {
    std::atomic<std::size_t> next = 0;
    std::atomic<bool> failed = false;
    run_on_threads(kClients, [&](std::size_t) {
      for (std::size_t i = next++; i < texts.size() && !failed; i = next++) {
        if (!embed(node, texts.subspan(i, 1))) failed = true;
      }
    });
    if (failed) return fail(ErrorCode::kUpstream, "a request failed");
    return {};
  });
}

using Way = Result<double> (*)(MeasuredNode&, std::span<const std::string>);

Result<Outcome> measure(Rig& rig, Way together, std::string on_is) {
  const auto texts = short_texts(rig.questions(kMaxQuestions), rig.choose<std::size_t>(100, 512));
  if (texts.size() < kFewestTexts) {
    return fail(ErrorCode::kUnavailable, "the documents give too few texts of 16 tokens");
  }
  auto node = rig.start_node({"cache.embedding.enabled=false"});
  if (!node) return forward_error(node);
  if (auto warm = all_at_once(**node, texts); !warm) return forward_error(warm);
  std::vector<double> off;
  std::vector<double> on;
  NodeWork apart;
  NodeWork joined;
  const int repetitions = rig.choose(2, 5);
  for (int i = 0; i < repetitions; ++i) {
    auto start = work_so_far(**node);
    if (!start) return forward_error(start);
    auto slow = one_by_one(**node, texts);
    if (!slow) return forward_error(slow);
    auto middle = work_so_far(**node);
    if (!middle) return forward_error(middle);
    auto fast = together(**node, texts);
    if (!fast) return forward_error(fast);
    auto end = work_so_far(**node);
    if (!end) return forward_error(end);
    off.push_back(*slow);
    on.push_back(*fast);
    apart = *middle - *start;
    joined = *end - *middle;
  }
  Outcome outcome{.off_is = "a request for each text, one after the other",
                  .on_is = std::move(on_is),
                  .off = Figure::of(off),
                  .on = Figure::of(on),
                  .unit = "texts/s"};
  outcome.ratio = outcome.judged = outcome.on.median / outcome.off.median;
  outcome.notes = fmt::format(
      "{} texts of {:.1f} tokens on average, /v1/embeddings, {} repetitions in turn, embedding "
      "cache off. Calls of the model: {} off, {} on. The notes promise 2x to 10x; our own bound "
      "for "
      "a model in the process is 1.5x.",
      texts.size(), apart.embedding_tokens / static_cast<double>(texts.size()), repetitions,
      apart.embedding_calls, joined.embedding_calls);
  return outcome;
}

} // namespace

Claim local_batching() {
  return {.id = "batching.local",
          .text = "Batching: many texts in one request have more throughput than one a request",
          .promise = {.min = 1.5, .max = 10, .unit = "x"},
          .measure = [](Rig& rig) { return measure(rig, all_at_once, "all in one request"); }};
}

Claim local_batching_clients() {
  return {.id = "batching.local_clients",
          .text = "Batching: texts of concurrent requests share batches",
          .promise = {.min = 1.5, .max = 10, .unit = "x"},
          .measure = [](Rig& rig) {
            return measure(rig, many_clients,
                           fmt::format("a request for each text, {} clients at a time", kClients));
          }};
}

} // namespace raglan::loadtest

// The notes, "Graceful Degradation": skip LLM generation, 10x faster. With the language model on
// this machine, which ./dev llm sets up: a real one.
#include <fmt/format.h>

#include <boost/json/object.hpp>

#include "loadtest/claims.h"
#include "loadtest/node_work.h"
#include "loadtest/rig.h"

namespace raglan::loadtest {
namespace json = boost::json;
namespace {

constexpr std::string_view kPatience = "generation.local.timeout=9m"; // on a slow machine

Result<std::string> model_of(MeasuredNode& node, const std::string& question) {
  auto reply = node.call("POST", "/v1/query", json::object{{"query", question}});
  if (!reply) return forward_error(reply);
  const json::value& author = reply->at("generation");
  if (author.is_null()) {
    return fail(ErrorCode::kUnavailable, "the language model on this machine does not answer");
  }
  return std::string(author.at("model").as_string());
}

Result<Outcome> measure(Rig& rig) {
  auto questions = some_questions(rig, rig.choose(5, 10));
  if (!questions) return forward_error(questions);
  auto node = rig.start_node({"generation.provider=local", std::string(kPatience)});
  if (!node) return forward_error(node);
  auto model = model_of(**node, questions->front());
  if (!model) return forward_error(model);
  auto off = ask_each(**node, *questions, {{"cache", "bypass"}});
  if (!off) return forward_error(off);
  auto on = ask_each(**node, *questions, {{"cache", "bypass"}, {"mode", "retrieve"}});
  if (!on) return forward_error(on);
  Outcome outcome{.off_is = "answers by the language model",
                  .on_is = "the passages alone",
                  .off = Figure::of(*off),
                  .on = Figure::of(*on),
                  .unit = "ms p50"};
  outcome.ratio = outcome.judged = outcome.off.median / outcome.on.median;
  outcome.notes = fmt::format(
      "{} distinct questions, each asked both ways, no cache; {} on this "
      "machine, by llama.cpp.",
      questions->size(), *model);
  return outcome;
}

} // namespace

Claim generation_skip() {
  return {.id = "generation.skip",
          .text = "Graceful degradation: without generation the reply is there 10 times as fast",
          .promise = {.min = 10, .unit = "x"},
          .measure = measure};
}

} // namespace raglan::loadtest

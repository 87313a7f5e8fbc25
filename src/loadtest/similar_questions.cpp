// Beyond the notes' "Retrieval Caching: similar queries": reusing the answer to a similar question,
// and how often that is wrong.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "base/json_lookup.h"
#include "base/rng.h"
#include "loadtest/claims.h"
#include "loadtest/node_work.h"
#include "loadtest/rig.h"
#include "loadtest/zipf.h"
#include "rag/same_answer.h"
#include "rag/similar_questions.h"

namespace raglan::loadtest {
namespace json = boost::json;
namespace {

// Ways to ask the same. Not paraphrases by people, which no corpus brings along: the row says so.
// What the claim is about: the default, whatever the operator's own setting.
const double kMaxErrorRatio = rag::SimilarQuestionsConfig().max_error_ratio;

constexpr std::array<std::string_view, 8> kWordings = {"{}",
                                                       "Please tell me about this: {}",
                                                       "Explain: {}",
                                                       "What is meant by \"{}\"?",
                                                       "Help with {}",
                                                       "I do not understand this: {}",
                                                       "{} - an overview",
                                                       "Where can I read about {}"};

std::vector<std::string> wordings_of(std::span<const std::string> questions, std::size_t asked,
                                     std::uint64_t seed) {
  Rng rng(seed);
  const ZipfSampler popularity(questions.size(), 1.0);
  std::vector<std::string> texts;
  texts.reserve(asked);
  for (std::size_t i = 0; i < asked; ++i) {
    const std::string& question = questions[popularity.sample(rng)];
    texts.push_back(fmt::format(fmt::runtime(kWordings[rng.below(kWordings.size())]), question));
  }
  return texts;
}

struct Reply {
  bool from_cache = false;
  bool reused = false;
  rag::Answer passages; // which they are, and in what order
};

Result<Reply> ask(MeasuredNode& node, std::string_view question, std::string_view cache) {
  auto body = node.call("POST", "/v1/query",
                        json::object{{"query", question}, {"mode", "retrieve"}, {"cache", cache}});
  if (!body) return forward_error(body);
  Reply reply;
  if (const json::object* status = object_at(*body, "cache"); status != nullptr) {
    reply.from_cache = text_at(*status, "status") == "hit";
    reply.reused = status->contains("similarity");
  }
  if (const json::array* sources = array_at(*body, "sources"); sources != nullptr) {
    for (const json::value& source : *sources) {
      const std::string chunk(text_at(source, "chunk_id"));
      reply.passages.sources.push_back({.chunk_id = std::stoull(chunk)});
    }
  }
  reply.passages.found = !reply.passages.sources.empty();
  return reply;
}

struct Asked {
  std::size_t from_cache = 0;
  std::size_t reused = 0;
  std::size_t wrong = 0; // of the reused ones: computed, they would have been others
};

Result<Asked> ask_all(MeasuredNode& node, const std::vector<std::string>& questions) {
  Asked asked;
  for (const std::string& question : questions) {
    auto reply = ask(node, question, "use");
    if (!reply) return forward_error(reply);
    asked.from_cache += reply->from_cache ? 1 : 0;
    if (!reply->reused) continue;
    ++asked.reused;
    auto own = ask(node, question, "bypass");
    if (!own) return forward_error(own);
    asked.wrong += rag::is_same_answer(reply->passages, own->passages) ? 0 : 1;
  }
  return asked;
}

Result<Outcome> measure(Rig& rig) {
  auto bases = some_questions(rig, rig.choose(50, 400));
  if (!bases) return forward_error(bases);
  const std::vector<std::string> questions =
      wordings_of(*bases, rig.choose(600, 6'000), rig.seed());
  auto without = rig.start_node();
  if (!without) return forward_error(without);
  auto off = ask_all(**without, questions);
  if (!off) return forward_error(off);
  without->reset();
  const std::string bound = fmt::format("cache.similar.max_error_ratio={}", kMaxErrorRatio);
  auto with = rig.start_node({"cache.similar.enabled=true", bound});
  if (!with) return forward_error(with);
  auto on = ask_all(**with, questions);
  if (!on) return forward_error(on);
  if (on->reused == 0)
    return fail(ErrorCode::kUnavailable, "no answer was reused: nothing to judge");
  const auto percent = [](std::size_t part, std::size_t whole) {
    return whole == 0 ? std::nan("")
                      : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  };
  Outcome outcome{.off_is = "the query cache alone",
                  .on_is = "cache.similar.enabled=true",
                  .off = Figure::exactly(percent(off->from_cache, questions.size())),
                  .on = Figure::exactly(percent(on->from_cache, questions.size())),
                  .unit = "% from the cache",
                  .judged = percent(on->wrong, on->reused)};
  outcome.ratio = off->from_cache == 0 ? std::nan("") : outcome.on.median / outcome.off.median;
  outcome.notes = fmt::format(
      "{} questions in {} wordings each, by templates and not by people, asked {} times by Zipf's "
      "law, mode retrieve. {} answers of similar questions were reused; computed afterwards, {} of "
      "them would have been others ({} %).",
      bases->size(), kWordings.size(), questions.size(), on->reused, on->wrong,
      figure_text(outcome.judged));
  return outcome;
}

} // namespace

Claim similar_questions() {
  return {.id = "cache.similar.errors",
          .text = "Similar questions reuse an answer only where the error stays under the bound",
          .promise = {.max = 100 * kMaxErrorRatio, .unit = "% wrong"},
          .measure = measure};
}

} // namespace raglan::loadtest

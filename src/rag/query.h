// A question to a collection and its answer: the values that every front end (HTTP, command line,
// caches) shares. No behaviour.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/deadline.h"
#include "base/hash.h"
#include "model/generator.h"
#include "policy/tier.h"
#include "rag/fusion.h"
#include "rag/rendered_once.h"
#include "store/types.h"

namespace raglan::rag {

// A reason of degraded answers: the language model failed after it had begun to write.
inline constexpr std::string_view kInterrupted = "generator_interrupted";

enum class QueryMode : std::uint8_t { kAnswer, kRetrieve };
enum class CacheMode : std::uint8_t { kUse, kRefresh, kBypass, kOnly };
enum class CacheStatus : std::uint8_t { kHit, kStale, kMiss, kCoalesced, kRefresh, kBypass };
// Which cache saved work: the whole answer's, or that of a stage.
enum class CacheLayer : std::uint8_t { kQuery, kRetrieval, kEmbedding };

// Stages in the order they ran.
using StageTimings = std::vector<std::pair<std::string_view, Duration>>;

// What a conversation adds to a question.
struct Conversation {
  std::vector<model::ChatMessage> history; // before the question, oldest first
  model::Sampling sampling;
  std::optional<std::size_t> max_tokens; // of the answer, instead of the configuration's
  // A question that a language model has rewritten is asked in place of all this: its answer is
  // every asker's. Else the model sees the conversation, and the answer belongs to it.
  bool replaceable = false;
  bool operator==(const Conversation&) const = default;
};

struct QueryRequest {
  store::CollectionKey collection;
  std::string query;  // not empty, valid UTF-8
  std::string search; // what is searched for in its place; empty: the query itself
  std::uint32_t top_k = 5;
  std::optional<store::Filter> filter;
  std::string filter_json; // the filter's canonical text, part of the cache key; empty without one
  QueryMode mode = QueryMode::kAnswer;
  CacheMode cache = CacheMode::kUse;
  bool explain = false;
  bool background = false; // nobody waits for it: behind those who are waited for
  bool waits = true;       // for a place (rag/overload.h); else it is computed at once or refused
  policy::Tier tier = policy::Tier::kPaid;
  std::shared_ptr<const Conversation> conversation; // null: none
  Deadline deadline;
  // Set when a language model is asked for it, which costs something from then on; may be null.
  std::shared_ptr<std::atomic<bool>> model_asked;

  const std::string& searched() const { return search.empty() ? query : search; }

  // Nobody joins work that waits behind one's own: of a lower tier, or done in the background.
  int urgency() const {
    return static_cast<int>(index_of(policy::Tier::kIngest) -
                            index_of(background ? policy::Tier::kIngest : tier));
  }
};

// A passage that the answer may cite as [n].
struct Source {
  std::uint32_t n = 0; // from 1
  std::string document_id;
  std::uint64_t chunk_id = 0;
  std::string title;
  std::string title_path;
  std::string uri;
  std::string text;
  double score = 0;
  std::uint64_t start = 0; // bytes [start, end) of the document's text
  std::uint64_t end = 0;
  Ranked explanation; // shown when QueryRequest::explain is set
};

// The level of degradation at which there is no text, but the passages.
inline constexpr std::uint32_t kPassagesAlone = 2;

// How generating an answer went; kept with it.
struct Authorship {
  std::string model;
  model::FinishReason finish = model::FinishReason::kStop;
  model::GenerationUsage usage;
  bool truncated = false;            // it has not seen all passages and all of the conversation
  std::size_t citations_removed = 0; // of passages that there are not
};

// What a question's answer is, apart from how and when it was computed: this is what a cache keeps.
struct Answer {
  // Absent in retrieve mode, and when the language model failed; empty never: see kNothingFound.
  std::optional<std::string> text;
  bool found = false; // false: no passage answers the question, and `text` says so
  std::vector<Source> sources;
  store::Generation generation; // of the data that was searched
  std::uint32_t degraded_level = 0;
  std::vector<std::string> degraded_reasons;
  std::size_t embedding_tokens = 0; // computed for it: not those of vectors that were cached
  std::optional<Authorship> author; // absent: no language model had a part in it
  RenderedOnce rendered;            // the front end's text of all this

  // What is not, no cache keeps.
  bool is_full_quality() const { return degraded_level == 0 && degraded_reasons.empty(); }
  bool has_reason(std::string_view reason) const {
    return std::ranges::find(degraded_reasons, reason) != degraded_reasons.end();
  }
};

// The answer of another question that was reused (rag/similar_questions.h).
struct Reuse {
  double similarity = 0;            // of the two questions, a cosine
  std::size_t embedding_tokens = 0; // computed to find it
};

// Tokens that were computed for this reply: none for what another asker or a cache has paid.
struct ReplyUsage {
  std::size_t embedding_tokens = 0;
  std::size_t prompt_tokens = 0;
  std::size_t completion_tokens = 0;
};

enum class RewrittenBy : std::uint8_t { kWords, kModel };

// What became of a question of a conversation (rag/question_rewriter.h).
struct Rewriting {
  std::string question; // that can be searched for without the conversation
  bool changed = false; // it is another text
  RewrittenBy by = RewrittenBy::kWords;
  model::GenerationUsage usage = {};
};

struct QueryReply {
  std::string id;
  std::shared_ptr<const Answer> answer;
  // The rung of the ladder (policy/degradation.h) that this is the answer of, when it is less than
  // the client asked for; the answer may be degraded besides.
  int service_level = 0;
  std::string_view service_reason;
  CacheStatus cache = CacheStatus::kMiss;
  std::optional<CacheLayer> layer;
  std::optional<Reuse> reuse;         // with layer kQuery
  std::optional<Rewriting> rewriting; // of a question that others went before
  std::optional<Hash128> key;         // of the query cache, where that was asked
  bool stored = false;                // computed now, and kept there
  StageTimings timings;
  Duration total{};

  std::uint32_t degraded_level() const {
    return std::max(answer->degraded_level, static_cast<std::uint32_t>(service_level));
  }
  ReplyUsage usage() const {
    ReplyUsage used = answer_usage();
    if (rewriting) {
      used.prompt_tokens += rewriting->usage.prompt_tokens;
      used.completion_tokens += rewriting->usage.completion_tokens;
    }
    return used;
  }

 private:
  ReplyUsage answer_usage() const {
    if (reuse) return {.embedding_tokens = reuse->embedding_tokens};
    if (layer == CacheLayer::kQuery || cache == CacheStatus::kCoalesced) return {};
    const auto generated = answer->author ? answer->author->usage : model::GenerationUsage();
    return {answer->embedding_tokens, generated.prompt_tokens, generated.completion_tokens};
  }
};

} // namespace raglan::rag

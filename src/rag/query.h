// A question to a collection and its answer: the values that every front end (HTTP, command line,
// caches) shares. No behaviour.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/deadline.h"
#include "base/hash.h"
#include "rag/fusion.h"
#include "rag/rendered_once.h"
#include "store/types.h"

namespace raglan::rag {

enum class QueryMode : std::uint8_t { kAnswer, kRetrieve };
enum class CacheMode : std::uint8_t { kUse, kRefresh, kBypass, kOnly };
enum class CacheStatus : std::uint8_t { kHit, kStale, kMiss, kCoalesced, kRefresh, kBypass };
// Which cache saved work: the whole answer's, or that of a stage.
enum class CacheLayer : std::uint8_t { kQuery, kRetrieval, kEmbedding };

// Stages in the order they ran.
using StageTimings = std::vector<std::pair<std::string_view, Duration>>;

struct QueryRequest {
  store::CollectionKey collection;
  std::string query; // not empty, valid UTF-8
  std::uint32_t top_k = 5;
  std::optional<store::Filter> filter;
  std::string filter_json; // the filter's canonical text, part of the cache key; empty without one
  QueryMode mode = QueryMode::kAnswer;
  CacheMode cache = CacheMode::kUse;
  bool explain = false;
  bool background = false; // nobody waits for it: behind those who are waited for
  Deadline deadline;
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

// What a question's answer is, apart from how and when it was computed: this is what a cache keeps.
struct Answer {
  std::optional<std::string> text; // absent in retrieve mode; empty text never: see kNothingFound
  bool found = false;              // false: no passage answers the question, and `text` says so
  std::vector<Source> sources;
  store::Generation generation; // of the data that was searched
  std::uint32_t degraded_level = 0;
  std::vector<std::string> degraded_reasons;
  std::size_t embedding_tokens = 0; // computed for it: not those of vectors that were cached
  RenderedOnce rendered;            // the front end's text of all this
};

// The answer of another question that was reused (rag/similar_questions.h).
struct Reuse {
  double similarity = 0;            // of the two questions, a cosine
  std::size_t embedding_tokens = 0; // computed to find it
};

struct QueryReply {
  std::string id;
  std::shared_ptr<const Answer> answer;
  CacheStatus cache = CacheStatus::kMiss;
  std::optional<CacheLayer> layer;
  std::optional<Reuse> reuse; // with layer kQuery
  std::optional<Hash128> key; // of the query cache, where that was asked
  bool stored = false;        // computed now, and kept there
  StageTimings timings;
  Duration total{};
};

} // namespace raglan::rag

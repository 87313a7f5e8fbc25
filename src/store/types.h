// The values that cross the store's boundary. No behaviour.
//
// Every key carries a tenant; without auth it is kDefaultTenant. Vectors are L2-normalised, so that
// a dot product is the cosine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"

namespace raglan::store {

inline constexpr std::string_view kDefaultTenant = "default";
inline constexpr std::string_view kDefaultCollection = "default";

struct CollectionKey {
  std::string tenant{kDefaultTenant};
  std::string name{kDefaultCollection};
  auto operator<=>(const CollectionKey&) const = default;
};

// What every cache key starts with: the store's random epoch, renewed on migration, the seq of the
// collection's last change, and that change's nonce. A higher seq within one epoch is newer. The
// nonce is random: two histories of one file (a backup was restored, and written to) reach the same
// seq, and never the same nonce.
struct Generation {
  std::uint64_t epoch = 0;
  std::uint64_t seq = 0;
  std::uint64_t nonce = 0;
  auto operator<=>(const Generation&) const = default;
};

// One passage: `text` is the stored text's bytes [start, end).
struct Chunk {
  std::uint64_t id = 0; // assigned by the store; unique over its lifetime; 0 before the write
  std::string document_id;
  std::uint32_t ordinal = 0; // position within the document, from 0
  std::string title_path;    // headings above the passage, " > " between them
  std::string text;
  std::uint64_t start = 0; // byte offsets into Document::text
  std::uint64_t end = 0;
};

struct Document {
  std::string id;
  std::string title;
  std::string uri;
  std::string text;                 // as extracted: valid UTF-8, no markup
  std::string metadata_json = "{}"; // a JSON object; what filters look at
  Hash128 content_hash;             // over everything that, when changed, requires a new write
  WallTime updated_at{};            // set by the store, where the writer leaves it out
  std::uint32_t chunk_count = 0;    // set by the store
};

// A document ready to be written: chunked and embedded. vectors[i] belongs to chunks[i]; `vectors`
// holds chunks.size() * dimension floats, row by row.
struct PreparedDocument {
  Document document;
  std::vector<Chunk> chunks;
  std::vector<float> vectors;
};

enum class WriteState { kIndexed, kUnchanged };

// What is stored of a document: enough to tell that nothing has to be done, and to report it.
struct StoredVersion {
  Hash128 content_hash;
  std::uint32_t chunks = 0;
  bool operator==(const StoredVersion&) const = default;
};

struct CollectionStats {
  std::string name;
  std::uint64_t documents = 0;
  std::uint64_t chunks = 0;
  Generation generation;
  WallTime created_at{};
  std::string embedder_id; // of its vectors; empty while it has none
};

// Documents in the order of their ids' bytes.
struct DocumentPage {
  std::vector<Document> documents; // without `text`
  std::uint64_t total = 0;         // in the whole collection
  bool more = false;               // there are documents after the last one here
};

// A metadata filter. A document without the key matches only kNe and kNin.
struct Filter {
  enum class Type { kEq, kNe, kLt, kLte, kGt, kGte, kIn, kNin, kAnd, kOr };
  Type type = Type::kAnd;
  std::string key;                      // comparisons only: a top-level key of the metadata object
  std::vector<std::string> values_json; // comparisons: one JSON scalar; kIn, kNin: any number
  std::vector<Filter> filters; // kAnd, kOr; an empty kAnd matches everything, an empty kOr nothing
};

struct SearchRequest {
  CollectionKey collection;
  std::vector<float> query_vector; // empty: lexical only (the embedder is away)
  std::string query_text;          // empty: dense only
  std::optional<Filter> filter;
  std::uint32_t candidates = 100; // wanted from each side before fusion
  bool exact = false;             // skip the approximate index
};

// A chunk that either side found, with both scores: a candidate of one side is scored by the other
// as well, so that fusing by score compares like with like.
struct Candidate {
  std::uint64_t chunk_id = 0;
  float cosine = 0;               // 0 when the request had no vector
  float bm25 = 0;                 // 0 when no query term occurs
  std::uint32_t dense_rank = 0;   // 1 is best; 0: not among the dense side's candidates
  std::uint32_t lexical_rank = 0; // likewise
};

struct SearchResult {
  Generation generation; // of the data that was actually searched
  float bm25_max = 0;    // the best BM25 score of any matching chunk; 0: no lexical match
  // The sum of the question's term weights, those of terms that occur nowhere included: what no
  // chunk's BM25 reaches. bm25 / bm25_ceiling is how much of the question a chunk covers, 0 to 1.
  float bm25_ceiling = 0;
  std::uint32_t question_terms = 0; // different ones; those that occur nowhere included
  // How far the question is one rare word, 0 to 1: a term's share of the ceiling, times its weight
  // as a share of that of a term which one chunk holds; the largest over the terms that occur.
  float rare_term_ratio = 0;
  std::vector<Candidate> candidates; // in no particular order; no duplicates
};

// A chunk with what a citation needs of its document.
struct Passage {
  Chunk chunk;
  std::string title;
  std::string uri;
};

// What a search found, and the passages that were chosen of it.
struct Found {
  SearchResult result;
  std::vector<Passage> passages; // in the order in which they were chosen; without those gone since
};

} // namespace raglan::store

// The keys under which a question's passages and its answer are cached.
//
// Two keys, of which the second is a part of the first: what decides which passages are found, and
// what else decides the answer that is made of them.
#pragma once

#include <string>
#include <string_view>

#include "base/hash.h"
#include "cache/selection.h"
#include "rag/query.h"
#include "store/types.h"

namespace raglan::rag {

struct PipelineConfig;

// Runs of white space become one blank, and none remain at the ends: what two spellings of the same
// question have in common. Nothing else: case and punctuation can carry meaning ("IT" and "it",
// "C" and "C++"), and the embedder sees them.
std::string normalise_query(std::string_view query);
// The same without a copy where nothing changes, as of nearly every question: a view of `query`, or
// of `buffer`.
std::string_view normalise_query(std::string_view query, std::string& buffer);

// What the cache entries of a collection have in common, to remove them all (cache/selection.h).
cache::Scope scope_of(const store::CollectionKey& collection);

// Everything of the configuration that changes what is found, or the answer; computed once.
struct ConfigKeys {
  Hash128 retrieval;
  Hash128 answer;
};
// `generator_id`: empty without a language model.
ConfigKeys config_keys(const PipelineConfig& config, std::string_view embedder_id,
                       std::string_view generator_id);

// Tenant, collection, generation, normalised question, top_k, filter, and the configuration. The
// embedding follows from question and model, so that a hit needs none.
Hash128 retrieval_key(const QueryRequest& request, store::Generation generation,
                      const ConfigKeys& config);

// All of query_key but the question and the generation: questions whose answers might be each
// other's (rag/similar_questions.h).
Hash128 reuse_group(const QueryRequest& request, const ConfigKeys& config);

// The same as retrieval_key, the mode, and the conversation. Not the cache mode, nor `explain`: an
// answer keeps its explanation, and the front end shows it or not.
Hash128 query_key(const QueryRequest& request, store::Generation generation,
                  const ConfigKeys& config);

} // namespace raglan::rag

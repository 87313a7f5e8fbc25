// The key under which a question's answer is cached.
#pragma once

#include <string>
#include <string_view>

#include "base/hash.h"
#include "rag/query.h"
#include "store/types.h"

namespace raglan::rag {

struct PipelineConfig;

// Runs of white space become one blank, and none remain at the ends: what two spellings of the same
// question have in common. Nothing else: case and punctuation can carry meaning ("IT" and "it",
// "C" and "C++"), and the embedder sees them.
std::string normalise_query(std::string_view query);

// Everything of the configuration that changes an answer; computed once.
Hash128 config_key(const PipelineConfig& config, std::string_view embedder_id);

// Tenant, collection, generation, normalised question, top_k, filter, mode, and `config`. Not the
// cache mode, nor `explain`: an answer keeps its explanation, and the front end shows it or not.
Hash128 query_key(const QueryRequest& request, store::Generation generation, const Hash128& config);

} // namespace raglan::rag

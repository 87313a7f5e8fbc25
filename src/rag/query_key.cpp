#include "rag/query_key.h"

#include <bit>

#include "rag/pipeline.h"

namespace raglan::rag {
namespace {

// Changes with every change of the code that makes other answers of the same passages: caches may
// outlive a process.
constexpr std::uint64_t kAnswerVersion = 1;

} // namespace

std::string normalise_query(std::string_view query) {
  std::string normal;
  for (const char c : query) {
    const bool blank = c == ' ' || (c >= '\t' && c <= '\r');
    if (!blank) {
      normal += c;
    } else if (!normal.empty() && normal.back() != ' ') {
      normal += ' ';
    }
  }
  if (!normal.empty() && normal.back() == ' ') normal.pop_back();
  return normal;
}

Hash128 config_key(const PipelineConfig& config, std::string_view embedder_id) {
  Hasher hasher;
  const auto add = [&](double value) { hasher.add(std::bit_cast<std::uint64_t>(value)); };
  const RetrievalConfig& retrieval = config.retrieval;
  hasher.add(kAnswerVersion).add(embedder_id);
  hasher.add(static_cast<std::uint64_t>(retrieval.mode)).add(retrieval.candidates);
  hasher.add(static_cast<std::uint64_t>(retrieval.method));
  add(retrieval.bm25_weight);
  add(retrieval.rrf_k);
  const ExtractiveConfig& extractive = config.extractive;
  hasher.add(extractive.max_candidates).add(extractive.max_sentences);
  add(extractive.min_cosine);
  return hasher.finish();
}

Hash128 query_key(const QueryRequest& request, store::Generation generation,
                  const Hash128& config) {
  Hasher hasher;
  hasher.add(request.collection.tenant).add(request.collection.name);
  hasher.add(generation.epoch).add(generation.seq);
  hasher.add(normalise_query(request.query)).add(request.top_k).add(request.filter_json);
  hasher.add(static_cast<std::uint64_t>(request.mode));
  hasher.add(
      std::string_view(reinterpret_cast<const char*>(config.bytes.data()), config.bytes.size()));
  return hasher.finish();
}

} // namespace raglan::rag

#include "rag/query_key.h"

#include <bit>

#include "rag/pipeline.h"

namespace raglan::rag {
namespace {

// Part of the keys, since caches may outlive a process: to be raised with every change of the code
// that finds other passages in the same collection, or makes other answers of the same passages.
constexpr std::uint64_t kRetrievalVersion = 1;
constexpr std::uint64_t kAnswerVersion = 2;

std::string_view bytes_of(const Hash128& hash) {
  return {reinterpret_cast<const char*>(hash.bytes.data()), hash.bytes.size()};
}

bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

bool is_normal(std::string_view query) {
  bool after_blank = true;
  for (const char c : query) {
    if (is_blank(c) && (after_blank || c != ' ')) return false;
    after_blank = c == ' ';
  }
  return query.empty() || !after_blank;
}

void add_search(Hasher& hasher, const QueryRequest& request, store::Generation generation,
                const ConfigKeys& config) {
  hasher.add(request.collection.tenant).add(request.collection.name);
  hasher.add(generation.epoch).add(generation.seq).add(generation.nonce);
  std::string buffer;
  hasher.add(normalise_query(request.searched(), buffer))
      .add(request.top_k)
      .add(request.filter_json);
  hasher.add(bytes_of(config.retrieval));
}

// Absent is not the same as zero.
template <typename T>
void add_optional(Hasher& hasher, const std::optional<T>& value) {
  hasher.add(std::uint64_t{value.has_value()});
  if (value) hasher.add(std::bit_cast<std::uint64_t>(*value));
}

void add_conversation(Hasher& hasher, const Conversation& conversation) {
  hasher.add(conversation.history.size());
  for (const model::ChatMessage& message : conversation.history) {
    hasher.add(static_cast<std::uint64_t>(message.role)).add(message.text);
  }
  const model::Sampling& sampling = conversation.sampling;
  add_optional(hasher, sampling.temperature);
  add_optional(hasher, sampling.top_p);
  add_optional(hasher, sampling.presence_penalty);
  add_optional(hasher, sampling.frequency_penalty);
  add_optional(hasher, sampling.seed);
  hasher.add(sampling.stop.size());
  for (const std::string& stop : sampling.stop) hasher.add(stop);
  add_optional(hasher, conversation.max_tokens);
}

} // namespace

std::string normalise_query(std::string_view query) {
  std::string normal;
  normal.reserve(query.size());
  for (const char c : query) {
    if (!is_blank(c)) {
      normal += c;
    } else if (!normal.empty() && normal.back() != ' ') {
      normal += ' ';
    }
  }
  if (!normal.empty() && normal.back() == ' ') normal.pop_back();
  return normal;
}

std::string_view normalise_query(std::string_view query, std::string& buffer) {
  if (is_normal(query)) return query;
  buffer = normalise_query(query);
  return buffer;
}

cache::Scope scope_of(const store::CollectionKey& collection) {
  const Hash128 both = Hasher().add(collection.tenant).add(collection.name).finish();
  return cache::scope_of(cache::tenant_hash(collection.tenant),
                         static_cast<std::uint32_t>(std::hash<Hash128>()(both)));
}

ConfigKeys config_keys(const PipelineConfig& config, std::string_view embedder_id,
                       std::string_view generator_id) {
  const RetrievalConfig& retrieval = config.retrieval;
  Hasher finding;
  finding.add(kRetrievalVersion).add(embedder_id);
  finding.add(static_cast<std::uint64_t>(retrieval.mode)).add(retrieval.candidates);
  finding.add(static_cast<std::uint64_t>(retrieval.method));
  finding.add(std::bit_cast<std::uint64_t>(retrieval.bm25_weight));
  finding.add(std::bit_cast<std::uint64_t>(retrieval.rrf_k));
  const ExtractiveConfig& extractive = config.extractive;
  Hasher answering;
  answering.add(kAnswerVersion).add(extractive.max_candidates).add(extractive.max_sentences);
  answering.add(std::bit_cast<std::uint64_t>(extractive.min_cosine));
  const PromptConfig& prompt = config.prompt;
  answering.add(generator_id).add(kPromptVersion).add(prompt.instructions);
  answering.add(prompt.context_tokens).add(prompt.max_tokens);
  return {finding.finish(), answering.finish()};
}

Hash128 retrieval_key(const QueryRequest& request, store::Generation generation,
                      const ConfigKeys& config) {
  Hasher hasher;
  add_search(hasher, request, generation, config);
  return hasher.finish();
}

Hash128 reuse_group(const QueryRequest& request, const ConfigKeys& config) {
  Hasher hasher;
  hasher.add(request.collection.tenant).add(request.collection.name);
  hasher.add(request.top_k).add(request.filter_json);
  hasher.add(static_cast<std::uint64_t>(request.mode));
  hasher.add(bytes_of(config.retrieval)).add(bytes_of(config.answer));
  return hasher.finish();
}

Hash128 query_key(const QueryRequest& request, store::Generation generation,
                  const ConfigKeys& config) {
  Hasher hasher;
  add_search(hasher, request, generation, config);
  hasher.add(static_cast<std::uint64_t>(request.mode)).add(bytes_of(config.answer));
  if (!request.search.empty()) hasher.add(request.query);
  if (request.conversation) add_conversation(hasher, *request.conversation);
  return hasher.finish();
}

} // namespace raglan::rag

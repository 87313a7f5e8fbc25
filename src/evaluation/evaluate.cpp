#include "evaluation/evaluate.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "evaluation/corpus_index.h"
#include "rag/fusion.h"
#include "rag/lexical_query.h"

namespace raglan::evaluation {
namespace {

constexpr std::size_t kDocumentsWanted = 10;
// The deepest search, in chunks from each side: a document with more chunks than this may hide the
// others.
constexpr std::uint32_t kMaxCandidates = 25'600;

// The documents of the ranked chunks, each once, at its best chunk's place.
using DocumentRanking = std::vector<std::string>;

struct Rankings {
  DocumentRanking dense, bm25, hybrid;

  bool deep_enough() const {
    return std::min({dense.size(), bm25.size(), hybrid.size()}) >= kDocumentsWanted;
  }
};

class Ranker {
 public:
  Ranker(const EvaluationParts& parts, store::CollectionKey key, const rag::RetrievalConfig& config,
         std::size_t chunks)
      : parts_(parts), key_(std::move(key)), config_(config), chunks_(chunks) {}

  // Deepens the search until each side has ten documents, or has given all it has.
  Result<Rankings> rank(std::string_view question, std::span<const float> vector) {
    store::SearchRequest request;
    request.collection = key_;
    request.query_text = rag::lexical_query(question);
    request.query_vector.assign(vector.begin(), vector.end());
    for (std::uint32_t candidates = config_.candidates;; candidates *= 4) {
      request.candidates = candidates;
      const auto choose = [this](const store::SearchResult& result) { return unknown(result); };
      auto found = net::run_on(parts_.loop, parts_.store.search(request, choose, Deadline()));
      if (!found) return forward_error(found);
      for (store::Passage& passage : found->passages) {
        document_of_[passage.chunk.id] = std::move(passage.chunk.document_id);
      }
      auto rankings = rank_sides(found->result);
      const bool all = candidates >= std::min<std::size_t>(chunks_, kMaxCandidates);
      if (all || rankings.deep_enough()) return rankings;
    }
  }

 private:
  Rankings rank_sides(const store::SearchResult& found) {
    std::map<std::uint32_t, std::uint64_t> dense;
    std::map<std::uint32_t, std::uint64_t> bm25;
    for (const store::Candidate& candidate : found.candidates) {
      if (candidate.dense_rank > 0) dense[candidate.dense_rank] = candidate.chunk_id;
      if (candidate.lexical_rank > 0) bm25[candidate.lexical_rank] = candidate.chunk_id;
    }
    std::vector<std::uint64_t> hybrid;
    for (const rag::Ranked& ranked : rag::fuse(found, config_)) hybrid.push_back(ranked.chunk_id);
    const auto values = [](const auto& by_rank) {
      std::vector<std::uint64_t> ids;
      ids.reserve(by_rank.size());
      for (const auto& [rank, id] : by_rank) ids.push_back(id);
      return ids;
    };
    return Rankings{documents_of(values(dense)), documents_of(values(bm25)), documents_of(hybrid)};
  }

  // The chunks whose documents are not known yet.
  std::vector<std::uint64_t> unknown(const store::SearchResult& found) const {
    std::vector<std::uint64_t> ids;
    for (const store::Candidate& candidate : found.candidates) {
      if (!document_of_.contains(candidate.chunk_id)) ids.push_back(candidate.chunk_id);
    }
    return ids;
  }

  DocumentRanking documents_of(const std::vector<std::uint64_t>& chunk_ids) const {
    DocumentRanking documents;
    std::set<std::string_view> seen;
    for (const std::uint64_t id : chunk_ids) {
      const std::string& document = document_of_.at(id);
      if (seen.insert(document).second) documents.push_back(document);
    }
    return documents;
  }

  const EvaluationParts& parts_;
  const store::CollectionKey key_;
  const rag::RetrievalConfig& config_;
  const std::size_t chunks_;
  std::map<std::uint64_t, std::string> document_of_;
};

Result<model::Embeddings> embed_questions(const BeirCollection& collection,
                                          model::Embedder& embedder) {
  std::vector<std::string_view> texts;
  texts.reserve(collection.queries.size());
  for (const BeirQuery& query : collection.queries) texts.emplace_back(query.text);
  return embedder.embed(texts, Deadline());
}

} // namespace

Result<Evaluation> evaluate(const BeirCollection& collection, const EvaluationParts& parts,
                            const EvaluationConfig& config) {
  const Clock& clock = parts.clock;
  const MonotonicTime started = clock.now();
  const store::CollectionKey& key = parts.collection;
  auto indexed = index_corpus(collection, parts, key, config);
  if (!indexed) return forward_error(indexed);

  MonotonicTime stage_started = clock.now();
  auto vectors = embed_questions(collection, parts.embedder);
  if (!vectors) return forward_error(vectors);
  const Duration questions = clock.now() - stage_started;

  stage_started = clock.now();
  Ranker ranker(parts, key, config.retrieval, indexed->chunks);
  MeanMetrics dense, bm25, hybrid;
  for (std::size_t i = 0; i < collection.queries.size(); ++i) {
    const BeirQuery& query = collection.queries[i];
    const std::span vector(vectors->values.data() + i * vectors->dimension, vectors->dimension);
    auto rankings = ranker.rank(query.text, vector);
    if (!rankings) return forward_error(rankings);
    dense.add(measure_ranking(rankings->dense, query.judgements));
    bm25.add(measure_ranking(rankings->bm25, query.judgements));
    hybrid.add(measure_ranking(rankings->hybrid, query.judgements));
  }
  Evaluation evaluation{.collection = collection.name,
                        .queries = collection.queries.size(),
                        .documents = collection.documents.size(),
                        .chunks = indexed->chunks,
                        .dense = dense.mean(),
                        .bm25 = bm25.mean(),
                        .hybrid = hybrid.mean()};
  evaluation.times = {.prepare = indexed->prepare,
                      .embed = indexed->embed,
                      .write = indexed->write,
                      .questions = questions,
                      .search = clock.now() - stage_started,
                      .total = clock.now() - started};
  return evaluation;
}

} // namespace raglan::evaluation

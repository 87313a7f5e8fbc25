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
  Ranker(store::Store& store, store::CollectionKey key, const rag::RetrievalConfig& config,
         std::size_t chunks)
      : store_(store), key_(std::move(key)), config_(config), chunks_(chunks) {}

  // Deepens the search until each side has ten documents, or has given all it has.
  Result<Rankings> rank(std::string_view question, std::span<const float> vector) {
    store::SearchRequest request;
    request.collection = key_;
    request.query_text = rag::lexical_query(question);
    request.query_vector.assign(vector.begin(), vector.end());
    for (std::uint32_t candidates = config_.candidates;; candidates *= 4) {
      request.candidates = candidates;
      auto found = store_.search(request);
      if (!found) return forward_error(found);
      auto rankings = rank_sides(*found);
      const bool all = candidates >= std::min<std::size_t>(chunks_, kMaxCandidates);
      if (!rankings || all || rankings->deep_enough()) return rankings;
    }
  }

 private:
  Result<Rankings> rank_sides(const store::SearchResult& found) {
    std::map<std::uint32_t, std::uint64_t> dense;
    std::map<std::uint32_t, std::uint64_t> bm25;
    for (const store::Candidate& candidate : found.candidates) {
      if (candidate.dense_rank > 0) dense[candidate.dense_rank] = candidate.chunk_id;
      if (candidate.lexical_rank > 0) bm25[candidate.lexical_rank] = candidate.chunk_id;
    }
    std::vector<std::uint64_t> hybrid;
    for (const rag::Ranked& ranked : rag::fuse(found, config_)) hybrid.push_back(ranked.chunk_id);
    if (auto ok = learn_documents(hybrid); !ok) return forward_error(ok);
    const auto values = [](const auto& by_rank) {
      std::vector<std::uint64_t> ids;
      ids.reserve(by_rank.size());
      for (const auto& [rank, id] : by_rank) ids.push_back(id);
      return ids;
    };
    return Rankings{documents_of(values(dense)), documents_of(values(bm25)), documents_of(hybrid)};
  }

  Result<> learn_documents(const std::vector<std::uint64_t>& chunk_ids) {
    std::vector<std::uint64_t> unknown;
    for (const std::uint64_t id : chunk_ids) {
      if (!document_of_.contains(id)) unknown.push_back(id);
    }
    if (unknown.empty()) return {};
    auto passages = store_.passages(key_, unknown);
    if (!passages) return forward_error(passages);
    for (store::Passage& passage : *passages) {
      document_of_[passage.chunk.id] = std::move(passage.chunk.document_id);
    }
    return {};
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

  store::Store& store_;
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

Result<Evaluation> evaluate(const BeirCollection& collection, store::Store& store,
                            model::Embedder& embedder, const Clock& clock,
                            const EvaluationConfig& config) {
  const MonotonicTime started = clock.now();
  const store::CollectionKey key;
  auto indexed = index_corpus(collection, store, key, embedder, clock, config);
  if (!indexed) return forward_error(indexed);

  MonotonicTime stage_started = clock.now();
  auto vectors = embed_questions(collection, embedder);
  if (!vectors) return forward_error(vectors);
  const Duration questions = clock.now() - stage_started;

  stage_started = clock.now();
  Ranker ranker(store, key, config.retrieval, indexed->chunks);
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

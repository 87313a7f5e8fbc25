#include "evaluation/corpus_index.h"

#include <algorithm>
#include <numeric>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "ingest/chunk_vectors.h"
#include "ingest/prepare.h"

namespace raglan::evaluation {
namespace {

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == text.npos; }

Result<std::vector<store::PreparedDocument>> prepare_all(const BeirCollection& collection,
                                                         const model::Embedder& embedder,
                                                         const ingest::ChunkerConfig& chunker) {
  const auto count = [&](std::string_view text) { return embedder.count_tokens(text); };
  std::vector<store::PreparedDocument> documents;
  documents.reserve(collection.documents.size());
  for (const BeirDocument& document : collection.documents) {
    if (is_blank(document.text)) continue; // some collections have them; nothing finds them
    const ingest::SourceDocument source{
        .id = document.id, .title = document.title, .uri = {}, .bytes = document.text};
    auto prepared = ingest::prepare_document(source, chunker, count, embedder.id());
    if (!prepared) {
      prepared.error().message =
          fmt::format("document {}: {}", document.id, prepared.error().message);
      return forward_error(prepared);
    }
    documents.push_back(std::move(*prepared));
  }
  return documents;
}

// One vector per text, in the texts' order.
Result<std::vector<float>> embed_all(const std::vector<std::string>& texts,
                                     model::Embedder& embedder,
                                     const std::function<void(EvaluationProgress)>& on_progress) {
  std::vector<std::size_t> order(texts.size());
  std::iota(order.begin(), order.end(), 0);
  // Longest first, so that the progress's rate errs to the slow side.
  std::ranges::sort(order, [&](std::size_t left, std::size_t right) {
    return std::pair(texts[right].size(), left) < std::pair(texts[left].size(), right);
  });
  const std::size_t dimension = embedder.dimension();
  std::vector<float> vectors(texts.size() * dimension);
  for (std::size_t first = 0; first < order.size(); first += kTextsPerCall) {
    const std::size_t end = std::min(order.size(), first + kTextsPerCall);
    std::vector<std::string_view> some;
    for (std::size_t i = first; i < end; ++i) some.emplace_back(texts[order[i]]);
    auto made = embedder.embed(some, Deadline());
    if (!made) return forward_error(made);
    for (std::size_t i = first; i < end; ++i) {
      const float* row = made->values.data() + (i - first) * dimension;
      std::copy_n(row, dimension, vectors.data() + order[i] * dimension);
    }
    if (on_progress) on_progress({end, order.size()});
  }
  return vectors;
}

Result<> write_all(const EvaluationParts& parts, const store::CollectionKey& key,
                   std::vector<store::PreparedDocument> documents,
                   const std::vector<float>& vectors) {
  const std::size_t dimension = parts.embedder.dimension();
  std::span<const float> rest = vectors;
  for (store::PreparedDocument& document : documents) {
    const std::size_t count = document.chunks.size() * dimension;
    ingest::attach_vectors(document, rest.first(count));
    rest = rest.subspan(count);
  }
  std::vector<std::string> ids;
  for (const store::PreparedDocument& document : documents) ids.push_back(document.document.id);
  auto states = net::run_on(
      parts.loop, parts.store.put_many(key, std::move(documents), std::nullopt, Deadline()));
  if (!states) return forward_error(states);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const Result<store::WriteState>& state = (*states)[i];
    if (state) continue;
    return fail(state.error().code, fmt::format("document {}: {}", ids[i], state.error().message));
  }
  return {};
}

} // namespace

Result<IndexedCorpus> index_corpus(const BeirCollection& collection, const EvaluationParts& parts,
                                   const store::CollectionKey& key,
                                   const EvaluationConfig& config) {
  const Clock& clock = parts.clock;
  model::Embedder& embedder = parts.embedder;
  IndexedCorpus indexed;
  MonotonicTime started = clock.now();
  const auto lap = [&] { return clock.now() - std::exchange(started, clock.now()); };
  auto documents = prepare_all(collection, embedder, config.chunker);
  if (!documents) return forward_error(documents);
  std::vector<std::string> texts;
  for (const store::PreparedDocument& document : *documents) {
    for (const store::Chunk& chunk : document.chunks) {
      texts.push_back(ingest::embedding_text(document.document, chunk));
    }
  }
  indexed.chunks = texts.size();
  indexed.prepare = lap();
  auto vectors = embed_all(texts, embedder, config.on_progress);
  if (!vectors) return forward_error(vectors);
  indexed.embed = lap();
  auto written = write_all(parts, key, std::move(*documents), *vectors);
  if (!written) return forward_error(written);
  indexed.write = lap();
  return indexed;
}

} // namespace raglan::evaluation

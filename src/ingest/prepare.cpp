#include "ingest/prepare.h"

#include <utility>

#include "ingest/extractor.h"

namespace raglan::ingest {

Hash128 content_hash(const SourceDocument& source, const ChunkerConfig& config,
                     std::string_view embedder_id) {
  return Hasher()
      .add(kChunkerVersion)
      .add(config.chunk_tokens)
      .add(config.overlap_tokens)
      .add(config.min_chunk_tokens)
      .add(embedder_id)
      .add(source.id)
      .add(source.title)
      .add(source.uri)
      .add(source.bytes)
      .add(static_cast<std::uint64_t>(source.media_type))
      .add(source.metadata_json)
      .finish();
}

Result<store::PreparedDocument> prepare_document(const SourceDocument& source,
                                                 const ChunkerConfig& config,
                                                 const TokenCounter& count_tokens,
                                                 std::string_view embedder_id) {
  auto extracted = extract_text(source.bytes, source.media_type);
  if (!extracted) return forward_error(extracted);
  store::PreparedDocument prepared;
  store::Document& document = prepared.document;
  document.id = source.id;
  document.title = source.title.empty() ? extracted->title : source.title;
  document.uri = source.uri;
  document.metadata_json = source.metadata_json;
  document.content_hash = content_hash(source, config, embedder_id);
  auto spans = chunk_text(*extracted, document.title, config, count_tokens);
  if (!spans) return forward_error(spans);
  document.text = std::move(extracted->text);
  prepared.chunks.reserve(spans->size());
  for (ChunkSpan& found : *spans) {
    store::Chunk& chunk = prepared.chunks.emplace_back();
    chunk.document_id = document.id;
    chunk.ordinal = static_cast<std::uint32_t>(prepared.chunks.size() - 1);
    chunk.title_path = std::move(found.title_path);
    chunk.start = found.span.start;
    chunk.end = found.span.end;
    chunk.text = document.text.substr(chunk.start, chunk.end - chunk.start);
  }
  document.chunk_count = static_cast<std::uint32_t>(prepared.chunks.size());
  return prepared;
}

std::string embedding_text(const store::Document&, const store::Chunk& chunk) {
  // A chunk that begins with its own heading need not be told it twice.
  std::string_view path = chunk.title_path;
  const std::size_t last = path.rfind(kTitleSeparator);
  const std::string_view heading =
      last == path.npos ? path : path.substr(last + kTitleSeparator.size());
  if (chunk.text.starts_with(heading)) path = path.substr(0, last == path.npos ? 0 : last);
  if (path.empty()) return chunk.text;
  std::string text(path);
  text += '\n';
  text += chunk.text;
  return text;
}

} // namespace raglan::ingest

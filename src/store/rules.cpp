#include "store/rules.h"

#include <cmath>

#include <fmt/format.h>

namespace raglan::store {
namespace {

bool is_finite(const std::vector<float>& vector) {
  return std::ranges::all_of(vector, [](float x) { return std::isfinite(x); });
}

std::unexpected<Error> invalid(std::string message, std::string param) {
  return fail(ErrorCode::kInvalidField, std::move(message), std::move(param));
}

Result<> check_chunks(const PreparedDocument& prepared, std::size_t dimension) {
  const std::string& text = prepared.document.text;
  for (std::size_t i = 0; i < prepared.chunks.size(); ++i) {
    const Chunk& chunk = prepared.chunks[i];
    if (chunk.start > chunk.end || chunk.end > text.size() ||
        std::string_view(text).substr(chunk.start, chunk.end - chunk.start) != chunk.text) {
      return invalid("a chunk is not a part of its document's text", "/text");
    }
    if (chunk.ordinal != i) return invalid("chunks are not in order", "/text");
    if (!is_valid_utf8(chunk.text) || !is_valid_utf8(chunk.title_path)) {
      return invalid("not valid UTF-8", "/text");
    }
  }
  if (prepared.vectors.size() != prepared.chunks.size() * dimension) {
    return invalid("vectors do not fit the chunks", "/text");
  }
  if (!is_finite(prepared.vectors)) {
    return invalid("a vector holds a value that is not finite", "/text");
  }
  return {};
}

} // namespace

Result<> check_collection_key(const CollectionKey& key) {
  for (const std::string_view name : {std::string_view(key.tenant), std::string_view(key.name)}) {
    const bool printable =
        std::ranges::none_of(name, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
    if (name.empty() || name.size() > kMaxCollectionNameBytes || !printable ||
        !is_valid_utf8(name)) {
      return fail(ErrorCode::kInvalidField, "not a collection's name", "collection");
    }
  }
  return {};
}

Result<std::vector<Field>> check_document(const PreparedDocument& prepared, std::size_t dimension,
                                          std::size_t max_metadata_bytes) {
  const Document& document = prepared.document;
  if (!is_document_id(document.id)) return invalid("not a document's id", "/id");
  if (!is_valid_utf8(document.title)) return invalid("not valid UTF-8", "/title");
  if (!is_valid_utf8(document.uri)) return invalid("not valid UTF-8", "/uri");
  if (!is_valid_utf8(document.text)) return invalid("not valid UTF-8", "/text");
  if (document.metadata_json.size() > max_metadata_bytes) {
    return fail(ErrorCode::kTooLarge, "the metadata is too large", "/metadata");
  }
  if (dimension == 0) return fail(ErrorCode::kUnavailable, "the store was opened without a model");
  if (auto ok = check_chunks(prepared, dimension); !ok) return forward_error(ok);
  return parse_metadata(document.metadata_json);
}

Result<> check_space_to_write(std::string_view collection, const EmbeddingSpace& held,
                              const EmbeddingSpace& space) {
  if (held.dimension == 0 || held == space) return {};
  return fail(ErrorCode::kConflict,
              fmt::format("collection \"{}\" holds vectors of the model {}, not of {}: ingest into "
                          "another collection, or delete this one first",
                          collection, held.embedder_id, space.embedder_id));
}

Result<> check_space_to_search(const SearchRequest& request, const EmbeddingSpace& held,
                               const EmbeddingSpace& space) {
  if (request.query_vector.empty()) return {};
  if (held.embedder_id != space.embedder_id) {
    return fail(ErrorCode::kConflict,
                fmt::format("collection \"{}\" was embedded by {}, not by {}",
                            request.collection.name, held.embedder_id, space.embedder_id));
  }
  if (request.query_vector.size() != held.dimension) {
    return fail(ErrorCode::kInvalidField, "the query's vector has the wrong dimension");
  }
  if (!is_finite(request.query_vector)) {
    return fail(ErrorCode::kInvalidField, "the query's vector holds a value that is not finite");
  }
  return {};
}

} // namespace raglan::store

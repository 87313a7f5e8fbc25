// The rules that names, documents and questions keep, in whichever store they are put.
//
// Thread safety: any thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/utf8.h"
#include "store/embedding_space.h"
#include "store/metadata.h"
#include "store/types.h"

namespace raglan::store {

inline constexpr std::size_t kMaxCollectionNameBytes = 128;
inline constexpr std::size_t kMaxDocumentIdBytes = 512;
inline constexpr std::uint32_t kMaxPageSize = 1000;

// False for what can be no document's id: empty, too long, not UTF-8, or with control characters.
inline bool is_document_id(std::string_view id) {
  const bool printable =
      std::ranges::none_of(id, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  return !id.empty() && id.size() <= kMaxDocumentIdBytes && printable && is_valid_utf8(id);
}

// kInvalidField when the name of the collection or of the tenant is empty, longer than
// kMaxCollectionNameBytes, not UTF-8, or holds control characters.
Result<> check_collection_key(const CollectionKey& key);

// Whether the document keeps the rules of types.h; the metadata's fields when it does.
// kInvalidField or kTooLarge otherwise.
Result<std::vector<Field>> check_document(const PreparedDocument& prepared, std::size_t dimension,
                                          std::size_t max_metadata_bytes);

// Whether vectors of `space` go into a collection that holds vectors of `held`, which names no
// model while it holds none. kConflict.
Result<> check_space_to_write(std::string_view collection, const EmbeddingSpace& held,
                              const EmbeddingSpace& space);
// Whether the question's vector, if it has one, can be compared with those. kConflict,
// kInvalidField.
Result<> check_space_to_search(const SearchRequest& request, const EmbeddingSpace& held,
                               const EmbeddingSpace& space);

} // namespace raglan::store

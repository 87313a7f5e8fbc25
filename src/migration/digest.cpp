#include "migration/digest.h"

#include <span>

namespace raglan::migration {
namespace {

template <typename T>
std::string_view bytes_of(const T& values) {
  const auto bytes = std::as_bytes(std::span(values));
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

} // namespace

Hash128 digest(const store::PreparedDocument& prepared) {
  const store::Document& document = prepared.document;
  Hasher hasher;
  hasher.add(document.id)
      .add(document.title)
      .add(document.uri)
      .add(document.text)
      .add(document.metadata_json)
      .add(bytes_of(document.content_hash.bytes))
      .add(prepared.chunks.size());
  for (const store::Chunk& chunk : prepared.chunks) {
    hasher.add(chunk.ordinal).add(chunk.title_path).add(chunk.text).add(chunk.start).add(chunk.end);
  }
  return hasher.add(bytes_of(prepared.vectors)).finish();
}

Hash128 digest(const store::Record& record) {
  return Hasher()
      .add(record.key.kind)
      .add(record.key.tenant)
      .add(record.key.id)
      .add(record.value)
      .add(static_cast<std::uint64_t>(store::expires_column(record.expires)))
      .finish();
}

void Checksum::add(const Hash128& digest) {
  value_ = Hasher().add(bytes_of(value_.bytes)).add(bytes_of(digest.bytes)).finish();
}

} // namespace raglan::migration

// What an operator can set about chunks. The member initializers are the only defaults.
//
// A change means that every document is written again at its next ingest: the settings are part of
// the content hash.
#pragma once

#include <cstddef>

#include "config/table.h"

namespace raglan::ingest {

struct ChunkerConfig {
  // Title path included, special tokens not: the shipped model reads 254 and cuts the rest.
  std::size_t chunk_tokens = 240;
  std::size_t overlap_tokens = 32;
  // A heading begins a new chunk unless the one before it would be shorter than this.
  std::size_t min_chunk_tokens = 48;
  std::size_t max_chunks_per_document = 20'000;
};

inline void describe(config::Table<ChunkerConfig>& table) {
  table
      .field("chunk_tokens", &ChunkerConfig::chunk_tokens, "longest chunk, its title path included")
      .unit("tokens")
      .min(16)
      .max(8192);
  table
      .field("overlap_tokens", &ChunkerConfig::overlap_tokens,
             "how much of a chunk's end the next one of the same section repeats, at most")
      .unit("tokens")
      .max(4096);
  table
      .field("min_chunk_tokens", &ChunkerConfig::min_chunk_tokens,
             "sections shorter than this share a chunk with the next")
      .unit("tokens")
      .max(4096);
  table
      .field("max_chunks_per_document", &ChunkerConfig::max_chunks_per_document,
             "a document with more is refused")
      .unit("chunks")
      .min(1)
      .max(1'000'000);
  table.rule("overlap_tokens must be at most half of chunk_tokens",
             [](const ChunkerConfig& c) { return c.overlap_tokens <= c.chunk_tokens / 2; });
  table.rule("min_chunk_tokens must be at most half of chunk_tokens",
             [](const ChunkerConfig& c) { return c.min_chunk_tokens <= c.chunk_tokens / 2; });
}

} // namespace raglan::ingest

#include "ingest/chunk_vectors.h"

#include <gtest/gtest.h>

#include <cmath>

namespace raglan::ingest {
namespace {

store::PreparedDocument document_of(std::size_t chunks) {
  store::PreparedDocument document;
  document.chunks.resize(chunks);
  return document;
}

TEST(ChunkVectors, TheFirstChunkKeepsItsOwn) {
  auto document = document_of(1);
  attach_vectors(document, std::vector<float>{0.6f, 0.8f});
  EXPECT_EQ(document.vectors, (std::vector<float>{0.6f, 0.8f}));
}

TEST(ChunkVectors, LaterChunksLeanTowardTheFirstLessAndLess) {
  auto document = document_of(4);
  attach_vectors(document, std::vector<float>{1, 0, 0, 1, 0, 1, 0, 1});
  float before = 1;
  for (std::size_t chunk = 1; chunk < 4; ++chunk) {
    const float toward = document.vectors[2 * chunk];
    const float own = document.vectors[2 * chunk + 1];
    EXPECT_NEAR(std::hypot(toward, own), 1, 1e-6);
    EXPECT_GT(toward, 0);
    EXPECT_LT(toward, before);
    EXPECT_NEAR(toward / own, kLean / (static_cast<float>(chunk) - kLean), 1e-5);
    before = toward;
  }
}

TEST(ChunkVectors, ADocumentWithoutChunksHasNone) {
  auto document = document_of(0);
  attach_vectors(document, {});
  EXPECT_TRUE(document.vectors.empty());
}

} // namespace
} // namespace raglan::ingest

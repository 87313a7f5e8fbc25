#include "ingest/prepare.h"

#include <gtest/gtest.h>

#include "ingest/word_counter_test.h"

namespace raglan::ingest {
namespace {

SourceDocument page() {
  return {.id = "a/b.html",
          .title = "",
          .uri = "file:a/b.html",
          .bytes = "<title>The page</title><h1>Setting up</h1><p>First do this.</p>",
          .media_type = MediaType::kHtml,
          .metadata_json = R"({"year":2024})"};
}

TEST(Prepare, FillsEverythingButTheVectors) {
  const auto prepared = prepare_document(page(), {}, count_words, "model-1");
  ASSERT_TRUE(prepared);
  const store::Document& document = prepared->document;
  EXPECT_EQ(document.id, "a/b.html");
  EXPECT_EQ(document.title, "The page");
  EXPECT_EQ(document.uri, "file:a/b.html");
  EXPECT_EQ(document.metadata_json, R"({"year":2024})");
  EXPECT_EQ(document.text, "Setting up\n\nFirst do this.");
  EXPECT_EQ(document.chunk_count, 1u);
  EXPECT_TRUE(prepared->vectors.empty());
  ASSERT_EQ(prepared->chunks.size(), 1u);
  const store::Chunk& chunk = prepared->chunks[0];
  EXPECT_EQ(chunk.document_id, "a/b.html");
  EXPECT_EQ(chunk.ordinal, 0u);
  EXPECT_EQ(chunk.title_path, "The page > Setting up");
  EXPECT_EQ(chunk.text, document.text);
  EXPECT_EQ(chunk.start, 0u);
  EXPECT_EQ(chunk.end, document.text.size());
}

TEST(Prepare, TheSendersTitleWins) {
  SourceDocument source = page();
  source.title = "Mine";
  const auto prepared = prepare_document(source, {}, count_words, "model-1");
  ASSERT_TRUE(prepared);
  EXPECT_EQ(prepared->document.title, "Mine");
  EXPECT_EQ(prepared->chunks[0].title_path, "Mine > Setting up");
}

TEST(Prepare, TheHashChangesWithWhateverRequiresANewWrite) {
  const Hash128 before = content_hash(page(), {}, "model-1");
  EXPECT_EQ(content_hash(page(), {}, "model-1"), before);
  EXPECT_EQ(prepare_document(page(), {}, count_words, "model-1")->document.content_hash, before);
  EXPECT_NE(content_hash(page(), {}, "model-2"), before);
  EXPECT_NE(content_hash(page(), {.chunk_tokens = 100}, "model-1"), before);
  EXPECT_NE(content_hash(page(), {.overlap_tokens = 0}, "model-1"), before);
  EXPECT_NE(content_hash(page(), {.min_chunk_tokens = 0}, "model-1"), before);
  for (std::string SourceDocument::* member :
       {&SourceDocument::id, &SourceDocument::title, &SourceDocument::uri, &SourceDocument::bytes,
        &SourceDocument::metadata_json}) {
    SourceDocument source = page();
    source.*member += ' ';
    EXPECT_NE(content_hash(source, {}, "model-1"), before);
  }
  SourceDocument source = page();
  source.media_type = MediaType::kPlainText;
  EXPECT_NE(content_hash(source, {}, "model-1"), before);
}

TEST(Prepare, AChunkIsEmbeddedUnderItsTitlePathWithoutSayingItsHeadingTwice) {
  const store::Document document;
  store::Chunk chunk;
  chunk.title_path = "Manual > Setting up";
  chunk.text = "Second do that.";
  EXPECT_EQ(embedding_text(document, chunk), "Manual > Setting up\nSecond do that.");
  chunk.text = "Setting up\n\nFirst do this.";
  EXPECT_EQ(embedding_text(document, chunk), "Manual\nSetting up\n\nFirst do this.");
  chunk.title_path = "Setting up";
  EXPECT_EQ(embedding_text(document, chunk), chunk.text);
  chunk.title_path = "";
  EXPECT_EQ(embedding_text(document, chunk), chunk.text);
}

TEST(Prepare, AnErrorOfExtractionIsTheDocuments) {
  SourceDocument source = page();
  source.bytes = "%PDF-1.7";
  const auto prepared = prepare_document(source, {}, count_words, "model-1");
  ASSERT_FALSE(prepared);
  EXPECT_EQ(prepared.error().code, ErrorCode::kUnsupportedMediaType);
}

} // namespace
} // namespace raglan::ingest

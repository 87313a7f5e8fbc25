#include "rag/answer_codec.h"

#include <gtest/gtest.h>

namespace raglan::rag {
namespace {

Source source() {
  Source source{.n = 1,
                .document_id = "d",
                .chunk_id = 7,
                .title = "Title",
                .title_path = "A > B",
                .uri = "file:///a",
                .text = "Some text.",
                .score = 0.5,
                .start = 3,
                .end = 13};
  source.explanation = {
      .chunk_id = 7, .score = 0.5, .cosine = 0.25f, .bm25 = 2, .dense_rank = 1, .lexical_rank = 2};
  return source;
}

TEST(AnswerCodec, AnAnswerComesBackAsItWas) {
  Answer answer{.text = "Some text. [1]",
                .found = true,
                .sources = {source(), source()},
                .generation = {9, 4, 7}};
  const auto back = AnswerCodec::decode(AnswerCodec::encode(answer));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->text, answer.text);
  EXPECT_TRUE(back->found);
  EXPECT_EQ(back->generation, answer.generation);
  ASSERT_EQ(back->sources.size(), 2u);
  const Source& first = back->sources[0];
  EXPECT_EQ(first.document_id, "d");
  EXPECT_EQ(first.title_path, "A > B");
  EXPECT_EQ(first.text, "Some text.");
  EXPECT_EQ(first.end, 13u);
  EXPECT_EQ(first.explanation.cosine, 0.25f);
  EXPECT_EQ(first.explanation.lexical_rank, 2u);
  EXPECT_EQ(AnswerCodec::bytes(*back), AnswerCodec::bytes(answer));
}

TEST(AnswerCodec, WithoutATextThereIsNone) {
  const auto back = AnswerCodec::decode(AnswerCodec::encode(Answer{}));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->text, std::nullopt);
}

TEST(AnswerCodec, PassagesComeBackAsTheyWere) {
  const Retrieved found{{9, 4}, {source()}};
  const auto back = RetrievedCodec::decode(RetrievedCodec::encode(found));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->generation, found.generation);
  EXPECT_EQ(back->sources[0].chunk_id, 7u);
}

TEST(AnswerCodec, EveryCutIsNoticed) {
  Answer answer{.text = "Some text. [1]", .found = true, .sources = {source()}};
  const std::string bytes = AnswerCodec::encode(answer);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(AnswerCodec::decode(std::string_view(bytes).substr(0, size))) << size;
  }
  EXPECT_FALSE(AnswerCodec::decode(bytes + "x"));
}

} // namespace
} // namespace raglan::rag

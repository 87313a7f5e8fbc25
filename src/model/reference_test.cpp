// Our ids and vectors against those of other implementations, as tests/reference wrote them down.
#include <cmath>
#include <fstream>

#include <gtest/gtest.h>
#include <boost/json/parse.hpp>

#include "model/local_embedder.h"
#include "model/tokenizer.h"

namespace raglan::model {
namespace {

const std::filesystem::path kModel = RAGLAN_DEPS "/models/all-MiniLM-L6-v2";

std::vector<boost::json::object> read_lines(const std::string& name) {
  std::ifstream file(std::string(RAGLAN_SOURCE_DIR "/tests/reference/") + name);
  std::vector<boost::json::object> records;
  for (std::string line; std::getline(file, line);) {
    records.push_back(boost::json::parse(line).as_object());
  }
  return records;
}

TEST(Reference, TheTokenizerGivesTheReferenceIds) {
  const auto tokenizer = Tokenizer::load(kModel / "tokenizer.json");
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  const auto records = read_lines("tokens.jsonl");
  ASSERT_GE(records.size(), 200u);
  for (const auto& record : records) {
    const std::string_view text = record.at("text").as_string();
    TokenIds expected;
    for (const auto& id : record.at("ids").as_array()) expected.push_back(id.as_int64());
    EXPECT_EQ(tokenizer->encode(text, 1 << 20), expected) << text.substr(0, 100);
    EXPECT_EQ(tokenizer->count(text), expected.size() - 2) << text.substr(0, 100);
    if (expected.size() > 5) { // cut to 5: the first four, and [SEP]
      const TokenIds cut = tokenizer->encode(text, 5);
      ASSERT_EQ(cut.size(), 5u) << text.substr(0, 100);
      EXPECT_TRUE(std::equal(cut.begin(), cut.begin() + 4, expected.begin()));
      EXPECT_EQ(cut.back(), expected.back());
    }
  }
}

double cosine(std::span<const float> ours, const boost::json::array& theirs) {
  double product = 0;
  double our_square = 0;
  double their_square = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const double their = theirs.at(i).to_number<double>();
    product += ours[i] * their;
    our_square += ours[i] * ours[i];
    their_square += their * their;
  }
  return product / std::sqrt(our_square * their_square);
}

// Together in one call, so that padding and order are under test as well.
TEST(Reference, VectorsAgreeWithAnIndependentImplementation) {
  const auto embedder = LocalEmbedder::load(kModel, {});
  ASSERT_TRUE(embedder) << embedder.error().message;
  const auto records = read_lines("vectors.jsonl");
  ASSERT_EQ(records.size(), 20u);
  std::vector<std::string_view> texts;
  for (const auto& record : records) texts.push_back(record.at("text").as_string());
  const auto made = (*embedder)->embed(texts, Deadline());
  ASSERT_TRUE(made) << made.error().message;
  ASSERT_EQ(made->rows(), records.size());
  for (std::size_t row = 0; row < records.size(); ++row) {
    const auto& expected = records[row].at("vector").as_array();
    ASSERT_EQ(expected.size(), made->dimension);
    const auto ours = std::span(made->values).subspan(row * made->dimension, made->dimension);
    EXPECT_GE(cosine(ours, expected), 0.9999) << texts[row].substr(0, 100);
  }
}

} // namespace
} // namespace raglan::model

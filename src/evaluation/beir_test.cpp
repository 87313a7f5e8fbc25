#include "evaluation/beir.h"

#include <gtest/gtest.h>

#include <fstream>

namespace raglan::evaluation {
namespace {

class Beir : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() /
              ("raglan-beir-" +
               std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_ / "qrels");
    write("corpus.jsonl",
          "{\"_id\":\"d1\",\"title\":\"T\",\"text\":\"one\"}\n{\"_id\":\"d2\",\"text\":\"two\"}\n");
    write("queries.jsonl",
          "{\"_id\":\"q1\",\"text\":\"first?\"}\n{\"_id\":\"q2\",\"text\":\"second?\"}\n");
    write("qrels/test.tsv", "query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td2\t0\n");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void write(const std::string& name, std::string_view text) {
    std::ofstream(folder_ / name) << text;
  }
  std::filesystem::path folder_;
};

TEST_F(Beir, ReadsDocumentsQuestionsAndPositiveJudgements) {
  const auto collection = load_beir(folder_);
  ASSERT_TRUE(collection) << collection.error().message;
  ASSERT_EQ(collection->documents.size(), 2u);
  EXPECT_EQ(collection->documents[0].title, "T");
  EXPECT_EQ(collection->documents[1].text, "two");
  ASSERT_EQ(collection->queries.size(), 1u); // q2 has no judgement
  EXPECT_EQ(collection->queries[0].judgements, (Judgements{{"d1", 2}}));
}

TEST_F(Beir, NamesFileAndLineOfABadRecord) {
  write("corpus.jsonl", "{\"_id\":\"d1\",\"text\":\"one\"}\n{broken\n");
  const auto collection = load_beir(folder_);
  ASSERT_FALSE(collection);
  EXPECT_EQ(collection.error().message, "corpus.jsonl line 2: a JSON object is expected");
}

TEST_F(Beir, AMissingFileIsNotFound) {
  std::filesystem::remove(folder_ / "queries.jsonl");
  const auto collection = load_beir(folder_);
  ASSERT_FALSE(collection);
  EXPECT_EQ(collection.error().code, ErrorCode::kNotFound);
}

TEST_F(Beir, RefusesAScoreThatIsNoNumber) {
  write("qrels/test.tsv", "query-id\tcorpus-id\tscore\nq1\td1\thigh\n");
  const auto collection = load_beir(folder_);
  ASSERT_FALSE(collection);
  EXPECT_EQ(collection.error().code, ErrorCode::kMalformedRequest);
}

} // namespace
} // namespace raglan::evaluation

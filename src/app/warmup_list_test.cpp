#include "app/warmup_list.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include <boost/json/serialize.hpp>

namespace raglan::app {
namespace {

class WarmupListTest : public ::testing::Test {
 protected:
  WarmupListTest()
      : file_(std::filesystem::temp_directory_path() /
              ("raglan-warmup-" + std::to_string(::getpid()))) {}
  ~WarmupListTest() override { std::filesystem::remove(file_); }

  Result<std::vector<WarmupBody>> read(std::string_view text, std::size_t per_body = 10) {
    std::ofstream(file_) << text;
    return read_warmup_list(file_, per_body);
  }

  const std::filesystem::path file_;
};

TEST_F(WarmupListTest, ALineIsAQuestionOrTheBodyOfOne) {
  const auto bodies = read("# Mondays\n\n  what is vacuum? \r\n{\"query\":\"b\",\"top_k\":3}\n");
  ASSERT_TRUE(bodies);
  ASSERT_EQ(bodies->size(), 1u);
  EXPECT_EQ(boost::json::serialize((*bodies)[0].questions),
            R"(["what is vacuum?",{"query":"b","top_k":3}])");
}

TEST_F(WarmupListTest, ManyQuestionsBecomeSeveralBodies) {
  const auto bodies = read("a\nb\nc", 2);
  ASSERT_TRUE(bodies);
  ASSERT_EQ(bodies->size(), 2u);
  EXPECT_EQ((*bodies)[0].questions.size(), 2u);
  EXPECT_EQ((*bodies)[1].questions.size(), 1u);
}

TEST_F(WarmupListTest, AnErrorOfTheNodeIsToldByItsLine) {
  const auto bodies = read("# first\na\n\nb\nc\nd\n", 2);
  ASSERT_TRUE(bodies);
  const auto told = [&](std::string param) {
    const Error error{ErrorCode::kInvalidField, "is wrong", std::move(param)};
    return warmup_error(error, "list.txt", (*bodies)[1]);
  };
  EXPECT_EQ(told("/queries/1/top_k").message, "list.txt:6: is wrong");
  EXPECT_EQ(told("/queries/1/top_k").param, "/top_k");
  EXPECT_EQ(told("/queries/0").message, "list.txt:5: is wrong");
  for (const char* other : {"", "/queries", "/queries/2", "/queries/x"}) {
    EXPECT_EQ(told(other).message, "is wrong") << other;
  }
}

TEST_F(WarmupListTest, AByteOrderMarkIsNoPartOfTheFirstQuestion) {
  EXPECT_EQ(read("\xef\xbb\xbfwhat is vacuum?\n")->front().questions.front(), "what is vacuum?");
}

TEST_F(WarmupListTest, AnEmptyFileIsNoQuestions) { EXPECT_TRUE(read("\n# nothing\n")->empty()); }

TEST_F(WarmupListTest, ABadLineIsNamed) {
  const auto bodies = read("a\n{\"query\":\n");
  ASSERT_FALSE(bodies);
  EXPECT_EQ(bodies.error().code, ErrorCode::kMalformedRequest);
  EXPECT_TRUE(bodies.error().message.contains(":2 "));
}

TEST_F(WarmupListTest, AMissingFileIsNotFound) {
  EXPECT_EQ(read_warmup_list("/nowhere/at/all", 10).error().code, ErrorCode::kNotFound);
}

} // namespace
} // namespace raglan::app

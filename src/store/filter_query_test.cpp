#include "store/filter_query.h"

#include <gmock/gmock.h>
#include <boost/json/parse.hpp>

#include "store/filter_parse.h"
#include "store/store_fixture_test.h"

namespace raglan::store {
namespace {

using ::testing::ElementsAre;

// The ids of the documents (of one chunk each) that a filter admits, through a search.
class FilterQueryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::pair<std::string, std::string> kDocuments[] = {
        {"n1", R"({"v":1})"},
        {"n1.5", R"({"v":1.5})"},
        {"n10", R"({"v":10})"},
        {"big", R"({"v":9007199254740993})"},
        {"s1", R"({"v":"1"})"},
        {"sb", R"({"v":"b"})"},
        {"yes", R"({"v":true})"},
        {"no", R"({"v":false})"},
        {"null", R"({"v":null})"},
        {"list", R"({"v":["b",1,["deep"],"b"]})"},
        {"none", R"({"w":1})"},
        {"object", R"({"v":{"w":1}})"},
        {"odd", R"({"k\"e'y.$[0]":"x","a\u0000b":"y"})"},
    };
    for (const auto& [id, metadata] : kDocuments) {
      ASSERT_TRUE(store_->put({}, make_document(id, id, metadata)));
    }
  }

  std::string matching(std::string_view filter_json) {
    auto filter = parse_filter(boost::json::parse(filter_json));
    EXPECT_TRUE(filter) << filter.error().message;
    auto result = store_->search({.query_vector = {1, 0}, .filter = *filter, .candidates = 100});
    EXPECT_TRUE(result) << result.error().message;
    std::vector<std::uint64_t> chunk_ids;
    for (const Candidate& candidate : result->candidates) chunk_ids.push_back(candidate.chunk_id);
    std::ranges::sort(chunk_ids);
    auto passages = store_->passages({}, chunk_ids);
    std::string ids;
    for (const Passage& passage : *passages) {
      ids += (ids.empty() ? "" : " ") + passage.chunk.document_id;
    }
    return ids;
  }

  TemporaryFolder folder_;
  std::unique_ptr<EmbeddedStore> store_ = open_store(folder_);
};

TEST_F(FilterQueryTest, ComparesWithinOneKindOnly) {
  const struct {
    std::string_view filter;
    std::string_view ids;
  } kCases[] = {
      {R"({"v":1})", "n1 list"},
      {R"({"v":1.0})", "n1 list"},
      {R"({"v":"1"})", "s1"},
      {R"({"v":true})", "yes"},
      {R"({"v":false})", "no"},
      {R"({"v":null})", "null"},
      {R"({"v":0})", ""},
      {R"({"v":"b"})", "sb list"},
      {R"({"v":"B"})", ""},
      {R"({"v":"deep"})", ""},
      {R"({"v":9007199254740993})", "big"},
      {R"({"v":9007199254740992})", ""},
      {R"({"type":"lt","key":"v","value":1.5})", "n1 list"},
      {R"({"type":"lte","key":"v","value":1.5})", "n1 n1.5 list"},
      {R"({"type":"gt","key":"v","value":1})", "n1.5 n10 big"},
      {R"({"type":"gte","key":"v","value":10})", "n10 big"},
      {R"({"type":"gt","key":"v","value":"1"})", "sb list"},
      {R"({"type":"lt","key":"v","value":"zzz"})", "s1 sb list"},
      {R"({"type":"in","key":"v","value":[1.5,"1",true,null]})", "n1.5 s1 yes null"},
      {R"({"type":"in","key":"v","value":[]})", ""},
  };
  for (const auto& test : kCases) EXPECT_EQ(matching(test.filter), test.ids) << test.filter;
}

TEST_F(FilterQueryTest, MissingFieldMatchesOnlyNegations) {
  EXPECT_EQ(matching(R"({"type":"ne","key":"v","value":"b"})"),
            "n1 n1.5 n10 big s1 yes no null none object odd");
  EXPECT_EQ(matching(R"({"type":"nin","key":"v","value":[1,"b",true,false,null]})"),
            "n1.5 n10 big s1 none object odd");
  EXPECT_EQ(matching(R"({"type":"ne","key":"absent","value":1})"),
            "n1 n1.5 n10 big s1 sb yes no null list none object odd");
  EXPECT_EQ(matching(R"({"absent":null})"), "");
}

TEST_F(FilterQueryTest, Combines) {
  EXPECT_EQ(matching(R"({"type":"or","filters":[{"v":10},{"w":1}]})"), "n10 none");
  EXPECT_EQ(matching(R"({"type":"and","filters":[{"v":1},{"v":"b"}]})"), "list");
  EXPECT_EQ(matching(R"({"type":"and","filters":[
      {"type":"gt","key":"v","value":0},
      {"type":"or","filters":[{"type":"ne","key":"v","value":1},{"v":"b"}]}]})"),
            "n1.5 n10 big list");
  EXPECT_EQ(matching(R"({"type":"or","filters":[]})"), "");
  EXPECT_EQ(matching(R"({})"), "n1 n1.5 n10 big s1 sb yes no null list none object odd");
}

TEST_F(FilterQueryTest, KeysAndValuesAreNeverSql) {
  EXPECT_EQ(matching(R"({"k\"e'y.$[0]":"x"})"), "odd");
  EXPECT_EQ(matching(R"({"a\u0000b":"y"})"), "odd");
  EXPECT_EQ(matching(R"({"v' OR 1=1 --":1})"), "");
  EXPECT_EQ(matching(R"({"v":"b' OR '1'='1"})"), "");
  EXPECT_EQ(matching(R"({"v":"1); DROP TABLE documents; --"})"), "");
  EXPECT_EQ(matching(R"({"type":"in","key":"v","value":["x'), (3, 'b"]})"), "");
  EXPECT_EQ(matching(R"({"v":10})"), "n10"); // and the tables are still there
}

TEST_F(FilterQueryTest, LargestFilterIsExecuted) {
  std::vector<int> numbers(kMaxFilterValues);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<int>(i) + 10;
  EXPECT_EQ(
      matching(fmt::format(R"({{"type":"in","key":"v","value":[{}]}})", fmt::join(numbers, ","))),
      "n10");
}

TEST_F(FilterQueryTest, MalformedFilterValueIsRefused) {
  const Filter no_value{.type = Filter::Type::kEq, .key = "v"};
  EXPECT_EQ(code_of(store_->search({.query_text = "x", .filter = no_value})),
            ErrorCode::kInvalidField);
  const Filter no_json{.type = Filter::Type::kEq, .key = "v", .values_json = {"{"}};
  EXPECT_EQ(code_of(store_->search({.query_text = "x", .filter = no_json})),
            ErrorCode::kInvalidField);
}

} // namespace
} // namespace raglan::store

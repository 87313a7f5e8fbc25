#include "store/filter_parse.h"

#include <gtest/gtest.h>
#include <boost/json/parse.hpp>

namespace raglan::store {
namespace {

using Type = Filter::Type;

Result<Filter> parse(std::string_view text) { return parse_filter(boost::json::parse(text)); }

// The filter as a line, so that tables stay readable: eq(year,1999), and(…).
std::string show(const Filter& filter) {
  static constexpr std::string_view kNames[] = {"eq",  "ne", "lt",  "lte", "gt",
                                                "gte", "in", "nin", "and", "or"};
  std::string line =
      fmt::format("{}({}", kNames[static_cast<std::size_t>(filter.type)], filter.key);
  for (const std::string& value : filter.values_json) line += "," + value;
  for (const Filter& part : filter.filters) line += show(part);
  return line + ")";
}

TEST(FilterParse, ReadsBothForms) {
  const struct {
    std::string_view json;
    std::string_view shown;
  } kCases[] = {
      {R"({"type":"eq","key":"year","value":1999})", "eq(year,1999)"},
      {R"({"type":"lte","key":"name","value":"m"})", "lte(name,\"m\")"},
      {R"({"type":"in","key":"tag","value":["a",1,true,null]})", "in(tag,\"a\",1,true,null)"},
      {R"({"type":"nin","key":"tag","value":[]})", "nin(tag)"},
      {R"({"type":"or","filters":[{"a":1},{"type":"ne","key":"b","value":null}]})",
       "or(eq(a,1)ne(b,null))"},
      {R"({"type":"and","filters":[]})", "and()"},
      {R"({"a":"x"})", "eq(a,\"x\")"},
      {R"({"a":"x","b":false})", "and(eq(a,\"x\")eq(b,false))"},
      {R"({})", "and()"},
      {R"({"type":"report"})", "eq(type,\"report\")"},
      {R"({"type":"eq","value":"x"})", "and(eq(type,\"eq\")eq(value,\"x\"))"},
      {R"({"it's \"quoted\"":"' OR 1=1 --"})", R"(eq(it's "quoted","' OR 1=1 --"))"},
  };
  for (const auto& test : kCases) {
    auto filter = parse(test.json);
    ASSERT_TRUE(filter) << test.json << ": " << filter.error().message;
    EXPECT_EQ(show(*filter), test.shown);
  }
}

TEST(FilterParse, PointsToWhatIsWrong) {
  const struct {
    std::string_view json;
    std::string_view pointer;
  } kCases[] = {
      {R"([])", "/filter"},
      {R"("eq")", "/filter"},
      {R"({"type":"like","key":"a","value":"b"})", "/filter/type"},
      {R"({"type":7,"key":"a","value":"b"})", "/filter/type"},
      {R"({"type":"eq","key":7,"value":"b"})", "/filter/key"},
      {R"({"type":"eq","key":"","value":"b"})", "/filter/key"},
      {R"({"type":"eq","key":"a"})", "/filter/value"},
      {R"({"type":"eq","key":"a","value":["b"]})", "/filter/value"},
      {R"({"type":"eq","key":"a","value":{}})", "/filter/value"},
      {R"({"type":"eq","key":"a","value":1,"vlaue":2})", "/filter/vlaue"},
      {R"({"type":"in","key":"a","value":"b"})", "/filter/value"},
      {R"({"type":"in","key":"a","value":[1,[2]]})", "/filter/value/1"},
      {R"({"type":"lt","key":"a","value":true})", "/filter/value"},
      {R"({"type":"gte","key":"a","value":null})", "/filter/value"},
      {R"({"type":"and","filters":{}})", "/filter/filters"},
      {R"({"type":"and","key":"a"})", "/filter/key"},
      {R"({"type":"or","filters":[{"a":1},{"type":"or","filters":[7]}]})",
       "/filter/filters/1/filters/0"},
      {R"({"a/b":[1]})", "/filter/a~1b"},
      {R"({"a~b":{}})", "/filter/a~0b"},
  };
  for (const auto& test : kCases) {
    auto filter = parse(test.json);
    ASSERT_FALSE(filter) << test.json;
    EXPECT_EQ(filter.error().code, ErrorCode::kInvalidField);
    EXPECT_EQ(filter.error().param, test.pointer) << test.json;
  }
}

std::string nested(std::size_t depth) {
  std::string text = R"({"a":1})";
  for (std::size_t i = 1; i < depth; ++i) text = R"({"type":"and","filters":[)" + text + "]}";
  return text;
}

TEST(FilterParse, DepthIsBounded) {
  EXPECT_TRUE(parse(nested(kMaxFilterDepth)));
  EXPECT_FALSE(parse(nested(kMaxFilterDepth + 1)));
}

std::string many_parts(std::size_t parts) {
  std::string text;
  for (std::size_t i = 0; i < parts; ++i) text += (i == 0 ? "" : ",") + std::string(R"({"a":1})");
  return R"({"type":"or","filters":[)" + text + "]}";
}

TEST(FilterParse, NumberOfPartsIsBounded) {
  EXPECT_TRUE(parse(many_parts(kMaxFilterNodes - 1)));
  EXPECT_FALSE(parse(many_parts(kMaxFilterNodes)));
  std::string short_form = "{";
  for (std::size_t i = 0; i < kMaxFilterNodes; ++i) {
    short_form += fmt::format("{}\"k{}\":1", i == 0 ? "" : ",", i);
  }
  EXPECT_FALSE(parse(short_form + "}"));
}

TEST(FilterParse, NumberOfValuesIsBounded) {
  const auto with_values = [](std::size_t count) {
    return fmt::format(R"({{"type":"in","key":"a","value":[{}]}})",
                       fmt::join(std::vector<int>(count, 1), ","));
  };
  EXPECT_TRUE(parse(with_values(kMaxFilterValues)));
  EXPECT_FALSE(parse(with_values(kMaxFilterValues + 1)));
}

} // namespace
} // namespace raglan::store

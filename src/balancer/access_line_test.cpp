#include "balancer/access_line.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace raglan::balancer {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

std::string line(AccessLogFormat format, const AccessRecord& record) {
  std::string out;
  append_access_line(format, record, out);
  return out;
}
std::string json(const AccessRecord& record) { return line(AccessLogFormat::kJson, record); }
std::string combined(const AccessRecord& record) {
  return line(AccessLogFormat::kCombined, record);
}

AccessRecord record() {
  return {.began = WallTime(seconds(1'791'640'536) + milliseconds(120)),
          .took = microseconds(12'345),
          .client = "10.0.0.9",
          .method = "POST",
          .path = "/v1/query",
          .status = 200,
          .request_bytes = 210,
          .response_bytes = 1532,
          .host = "http://10.0.0.7:8080",
          .attempts = 2,
          .request_id = "id-1",
          .referer = "https://example.com/ask",
          .user_agent = "curl/8.0",
          .tenant = "acme"};
}

TEST(AccessLine, AsJsonItIsAnObject) {
  EXPECT_EQ(json(record()),
            R"({"time":"2026-10-10T13:55:36.120Z","duration_ms":12.345,"client":"10.0.0.9",)"
            R"("method":"POST","path":"/v1/query","http_version":"1.1","status":200,)"
            R"("request_bytes":210,"response_bytes":1532,"host":"http://10.0.0.7:8080",)"
            R"("attempts":2,"request_id":"id-1","referer":"https://example.com/ask",)"
            R"("user_agent":"curl/8.0","tenant":"acme","end":"done"})"
            "\n");
}

TEST(AccessLine, InTheCombinedFormatItIsAsNginxWritesIt) {
  EXPECT_EQ(combined(record()),
            R"(10.0.0.9 - acme [10/Oct/2026:13:55:36 +0000] "POST /v1/query HTTP/1.1" 200 1532 )"
            R"("https://example.com/ask" "curl/8.0")"
            "\n");
}

TEST(AccessLine, WhatIsNotKnownIsEmptyOrADash) {
  EXPECT_EQ(combined({}), "- - - [01/Jan/1970:00:00:00 +0000] \"-\" 000 0 \"-\" \"-\"\n");
  EXPECT_NE(json({}).find(R"("method":"","path":"")"), std::string::npos);
}

TEST(AccessLine, IsAddedBehindOthersAndNothingWhenItIsOff) {
  std::string out = "before\n";
  append_access_line(AccessLogFormat::kOff, record(), out);
  EXPECT_EQ(out, "before\n");
  append_access_line(AccessLogFormat::kJson, record(), out);
  EXPECT_EQ(out, "before\n" + json(record()));
}

TEST(AccessLine, QuestionsAreLeftOut) {
  AccessRecord asked = record();
  asked.path = "/v1/search?q=secret";
  asked.referer = "https://example.com/ask?q=secret#secret";
  for (const std::string& written : {json(asked), combined(asked)}) {
    EXPECT_EQ(written.find("secret"), std::string::npos) << written;
    EXPECT_NE(written.find("/v1/search"), std::string::npos) << written;
    EXPECT_NE(written.find("https://example.com/ask\""), std::string::npos) << written;
  }
}

TEST(AccessLine, NoClientLeavesItsField) {
  AccessRecord hostile = record();
  hostile.user_agent = "a\" \\ \r\n\x7f\xc3\xa9\xff";
  hostile.tenant = "two words";
  const std::string written = combined(hostile);
  EXPECT_TRUE(written.ends_with(R"("a\x22 \x5C \x0D\x0A\x7F\xC3\xA9\xFF")"
                                "\n"))
      << written;
  EXPECT_NE(written.find(R"( - two\x20words [)"), std::string::npos) << written;
}

TEST(AccessLine, JsonIsValidWhateverTheBytesAre) {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
  AccessRecord hostile = record();
  hostile.client = hostile.method = hostile.host = hostile.request_id = bytes;
  hostile.path = hostile.referer = hostile.user_agent = hostile.tenant = hostile.end = bytes;
  const std::string written = json(hostile);
  EXPECT_EQ(written.find('\n'), written.size() - 1);
  boost::system::error_code error;
  const auto value = boost::json::parse(written, error);
  ASSERT_FALSE(error) << error.message();
  EXPECT_EQ(value.as_object().size(), 16U);
  EXPECT_TRUE(value.at("client").as_string().starts_with(bytes.substr(0, 0x80)));
}

TEST(AccessLine, TimesBefore1970AndOfLeapDaysAreRight) {
  AccessRecord early = record();
  early.began = WallTime(milliseconds(-1));
  EXPECT_TRUE(json(early).starts_with(R"({"time":"1969-12-31T23:59:59.999Z")"));
  early.began = WallTime(seconds(951'782'400));
  EXPECT_NE(combined(early).find("[29/Feb/2000:00:00:00 +0000]"), std::string::npos);
}

} // namespace
} // namespace raglan::balancer

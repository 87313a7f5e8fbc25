#include "base/log.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace raglan {
namespace {

using ::testing::MatchesRegex;

class LogTest : public ::testing::Test {
 protected:
  ~LogTest() override { configure_log(LogLevel::kInfo, LogFormat::kText); }

  template <typename F>
  static std::string written(F&& log) {
    ::testing::internal::CaptureStderr();
    log();
    return ::testing::internal::GetCapturedStderr();
  }
};

TEST_F(LogTest, ATextLineHasTimeLevelEventAndFields) {
  configure_log(LogLevel::kInfo, LogFormat::kText);
  EXPECT_THAT(written([] { log_warning("index rebuilt", {{"chunks", 12}, {"name", "faq"}}); }),
              MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z "
                           "warning index rebuilt chunks=12 name=faq\n"));
}

TEST_F(LogTest, AValueCannotForgeALineOfText) {
  configure_log(LogLevel::kInfo, LogFormat::kText);
  const std::string line = written(
      [] { log_info("e", {{"s", "a\n2026-01-01 error forged\r\x1b[2J\xc2\x9b"}, {"n", 1}}); });
  EXPECT_TRUE(line.ends_with(R"( info    e s=a\n2026-01-01 error forged\r\x1b[2J\x9b n=1)"
                             "\n"))
      << line;
}

TEST_F(LogTest, AJsonLineKeepsNumbersAndEscapesText) {
  configure_log(LogLevel::kInfo, LogFormat::kJson);
  EXPECT_THAT(written([] { log_error("e", {{"n", 1.5}, {"ok", true}, {"s", "a\"\n"}}); }),
              MatchesRegex("\\{\"time\":\"[^\"]*\",\"level\":\"error\",\"event\":\"e\","
                           "\"n\":1\\.5,\"ok\":true,\"s\":\"a\\\\\"\\\\n\"\\}\n"));
}

TEST_F(LogTest, LinesBelowTheLevelAreNotWritten) {
  configure_log(LogLevel::kError, LogFormat::kText);
  EXPECT_EQ(written([] { log_debug("a"), log_info("a"), log_warning("a"); }), "");
  EXPECT_NE(written([] { log_error("a"); }), "");
  configure_log(LogLevel::kOff, LogFormat::kText);
  EXPECT_EQ(written([] { log_error("a"); }), "");
}

} // namespace
} // namespace raglan

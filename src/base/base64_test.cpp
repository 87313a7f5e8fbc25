#include "base/base64.h"

#include <gtest/gtest.h>

namespace raglan {
namespace {

std::string encode(std::string_view text) { return base64_encode(std::as_bytes(std::span(text))); }

std::optional<std::string> decode(std::string_view text) {
  const auto bytes = base64_decode(text);
  if (!bytes) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size());
}

TEST(Base64, IsTheStandardsOwnExamples) { // RFC 4648, 10
  const std::pair<std::string_view, std::string_view> examples[] = {{"", ""},
                                                                    {"f", "Zg=="},
                                                                    {"fo", "Zm8="},
                                                                    {"foo", "Zm9v"},
                                                                    {"foob", "Zm9vYg=="},
                                                                    {"fooba", "Zm9vYmE="},
                                                                    {"foobar", "Zm9vYmFy"},
                                                                    {"\xff\xfe\xfd", "//79"}};
  for (const auto& [plain, coded] : examples) {
    EXPECT_EQ(encode(plain), coded);
    EXPECT_EQ(decode(coded), plain);
  }
}

TEST(Base64, RefusesWhatIsNotIt) {
  for (const char* text : {"Z", "Zg", "Zg=", "Zg===", "====", "Z===", "Zm9v\n", " Zm9v", "Zm 9",
                           "Zm-v", "Zm_v", "=Zg=", "Zg==Zg=="}) {
    EXPECT_EQ(decode(text), std::nullopt) << text;
  }
}

} // namespace
} // namespace raglan

#include "http/browser_guard.h"

#include <gtest/gtest.h>

namespace raglan::http {
namespace {

Request request_with(std::initializer_list<http::Header> headers) {
  Request request;
  request.headers = headers;
  return request;
}

bool admitted(std::initializer_list<http::Header> headers) {
  return check_browser(request_with(headers), {"rag.example.org"}).has_value();
}

TEST(BrowserGuard, ProgramsSendNoOriginAndAreServed) {
  EXPECT_TRUE(admitted({}));
  EXPECT_TRUE(admitted({{"host", "127.0.0.1:8080"}}));
  EXPECT_TRUE(admitted({{"host", "LOCALHOST:8080"}}));
  EXPECT_TRUE(admitted({{"host", "[::1]:8080"}}));
}

TEST(BrowserGuard, PagesOfThisMachineAreServed) {
  EXPECT_TRUE(admitted({{"host", "localhost:8080"}, {"origin", "http://localhost:3000"}}));
  EXPECT_TRUE(admitted({{"host", "localhost"}, {"sec-fetch-site", "same-origin"}}));
  EXPECT_TRUE(admitted({{"host", "localhost"}, {"sec-fetch-site", "none"}}));
}

TEST(BrowserGuard, PagesOfOtherSitesAreRefused) {
  EXPECT_FALSE(admitted({{"host", "127.0.0.1:8080"}, {"origin", "https://evil.example"}}));
  EXPECT_FALSE(admitted({{"host", "127.0.0.1:8080"}, {"origin", "null"}}));
  EXPECT_FALSE(admitted({{"host", "127.0.0.1:8080"}, {"sec-fetch-site", "cross-site"}}));
  EXPECT_FALSE(admitted({{"host", "localhost"}, {"origin", "http://localhost.evil.example"}}));
}

TEST(BrowserGuard, ANameThatWasPointedHereIsRefused) {
  EXPECT_FALSE(admitted({{"host", "evil.example:8080"}}));
  EXPECT_FALSE(admitted({{"host", "127.0.0.1.evil.example"}}));
  EXPECT_FALSE(admitted({{"host", "128.0.0.1"}}));
  EXPECT_FALSE(admitted({{"host", ""}}));
}

TEST(BrowserGuard, NamesOfTheConfigurationAreServed) {
  EXPECT_TRUE(admitted({{"host", "RAG.example.org:443"}, {"origin", "https://rag.example.org"}}));
}

TEST(BrowserGuard, OnlyWholeAddressesAreLoopback) {
  EXPECT_TRUE(is_loopback_host("127.255.255.255"));
  for (const char* host : {"127.0.0", "127.0.0.256", "127.0.0.1.1", "127.", "::1", "0.0.0.0"}) {
    EXPECT_FALSE(is_loopback_host(host)) << host;
  }
}

} // namespace
} // namespace raglan::http

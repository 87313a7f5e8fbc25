#include "node/write_news.h"

#include <gtest/gtest.h>

namespace raglan::node {
namespace {

TEST(WriteNews, AMessageNamesTheCollection) {
  for (const store::CollectionKey& key :
       {store::CollectionKey{"acme", "default"}, store::CollectionKey{"a\"[],", "naïve 🦉"}}) {
    EXPECT_EQ(parse_write(write_text(key)), key);
  }
}

TEST(WriteNews, WhatIsNoMessageIsNone) {
  for (const char* text : {"", "x", "{}", "[]", R"(["a"])", R"(["a",1])", R"(["a","b","c"])"}) {
    EXPECT_EQ(parse_write(text), std::nullopt) << text;
  }
}

} // namespace
} // namespace raglan::node

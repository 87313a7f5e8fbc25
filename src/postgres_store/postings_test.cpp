#include "postgres_store/postings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace raglan::postgres_store {
namespace {

using testing::ElementsAreArray;
using testing::IsEmpty;

std::vector<Posting> decoded(std::string_view bytes) {
  std::vector<Posting> postings;
  EXPECT_TRUE(decode_postings(bytes, postings));
  return postings;
}

TEST(Postings, ComeBackAsTheyWere) {
  constexpr std::uint32_t kMost = std::numeric_limits<std::uint32_t>::max();
  const std::vector<Posting> postings{{0, 1, 1},
                                      {127, 127, 128},
                                      {128, 1, 16'383},
                                      {1'000'000, kMost, kMost},
                                      {std::numeric_limits<std::uint64_t>::max(), 3, 70}};
  EXPECT_THAT(decoded(encode_postings(postings)), ElementsAreArray(postings));
  EXPECT_THAT(decoded(encode_postings({})), IsEmpty());
}

TEST(Postings, BlocksAreJoinedAsBytes) {
  const std::vector<Posting> late{{900, 1, 5}, {901, 2, 6}};
  const std::vector<Posting> early{{3, 1, 7}};
  EXPECT_THAT(decoded(encode_postings(late) + encode_postings(early)),
              ElementsAreArray({late[0], late[1], early[0]}));
}

TEST(Postings, TakeSomeFourBytesAnEntry) {
  std::vector<Posting> postings;
  for (std::uint64_t i = 0; i < 1'000; ++i) postings.push_back({1'000'000 + i * 7, 1, 90});
  EXPECT_LE(encode_postings(postings).size(), 3'010u);
}

TEST(Postings, WhatIsDamagedIsRefusedAndNothingIsReadBeyondIt) {
  const std::string whole = encode_postings({{5, 1, 9}, {700, 2, 300}});
  for (std::size_t length = 1; length < whole.size(); ++length) {
    std::vector<Posting> postings;
    const auto ok = decode_postings(std::string_view(whole).substr(0, length), postings);
    ASSERT_FALSE(ok) << length;
    EXPECT_EQ(ok.error().code, ErrorCode::kCorrupt);
  }
  std::vector<Posting> postings;
  EXPECT_FALSE(decode_postings(std::string(11, '\xff'), postings)); // a number without an end
  EXPECT_FALSE(
      decode_postings(std::string("\x01\x01\xff\xff\xff\xff\x1f\x01", 8), postings)); // 2^32 times
}

} // namespace
} // namespace raglan::postgres_store

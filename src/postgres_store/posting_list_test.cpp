#include "postgres_store/posting_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "postgres_store/postings.h"

namespace raglan::postgres_store {
namespace {

using testing::ElementsAreArray;
using testing::IsEmpty;

std::vector<Posting> unpacked(const PostingList& list) {
  std::vector<Posting> postings;
  std::size_t begin = 0;
  for (const PostingList::Run& run : list.runs()) {
    for (const PackedPosting each : list.postings().subspan(begin, run.end - begin)) {
      postings.push_back({(run.page << kPageBits) + each.slot(),
                          static_cast<std::uint32_t>(each.occurrences()),
                          static_cast<std::uint32_t>(each.length_terms())});
    }
    begin = run.end;
  }
  return postings;
}

TEST(PostingList, HasARunForEachPage) {
  const std::vector<Posting> postings{{0, 1, 1},
                                      {kPageIds - 1, 2, 40},
                                      {kPageIds, 3, 50},
                                      {1'000 * kPageIds, 4, 60},
                                      {~std::uint64_t{0}, 5, 70}};
  const auto list = PostingList::read(encode_postings(postings));
  ASSERT_TRUE(list);
  EXPECT_THAT(unpacked(*list), ElementsAreArray(postings));
  ASSERT_EQ(list->runs().size(), 4u);
  EXPECT_EQ(list->runs()[0].end, 2u);
}

TEST(PostingList, OfSeveralBlocksIsInOrderAndHasNoPageTwice) {
  const std::vector<Posting> late{{3, 1, 5}, {9 * kPageIds, 2, 6}};
  const std::vector<Posting> early{{1, 1, 7}, {4, 1, 8}};
  const auto list = PostingList::read(encode_postings(late) + encode_postings(early));
  ASSERT_TRUE(list);
  EXPECT_THAT(unpacked(*list), ElementsAreArray({early[0], late[0], early[1], late[1]}));
  EXPECT_EQ(list->runs().size(), 2u);
}

TEST(PostingList, CountsUpToTheMost) {
  constexpr auto kOccurrences = PackedPosting::kMostOccurrences;
  constexpr auto kTerms = PackedPosting::kMostTerms;
  const auto list = PostingList::read(encode_postings(
      {{kPageIds - 1, kOccurrences, kTerms}, {kPageIds, kOccurrences + 1, kTerms + 1}}));
  ASSERT_TRUE(list);
  EXPECT_THAT(unpacked(*list), ElementsAreArray({Posting{kPageIds - 1, kOccurrences, kTerms},
                                                 Posting{kPageIds, kOccurrences, kTerms}}));
}

TEST(PostingList, OfNothingIsEmptyAndOfDamageIsRefused) {
  const auto none = PostingList::read("");
  ASSERT_TRUE(none);
  EXPECT_THAT(none->postings(), IsEmpty());
  EXPECT_THAT(none->runs(), IsEmpty());
  const auto damaged = PostingList::read("\x02\x01");
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code, ErrorCode::kCorrupt);
}

} // namespace
} // namespace raglan::postgres_store

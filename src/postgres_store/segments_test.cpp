#include "postgres_store/segments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace raglan::postgres_store {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

std::vector<Segment> segments(std::size_t count, std::uint64_t chunks) {
  std::vector<Segment> made;
  for (std::size_t i = 0; i < count; ++i) made.push_back({static_cast<std::int64_t>(i), chunks});
  return made;
}

TEST(Segments, EightOfASizeAreMergedAndNoFewer) {
  EXPECT_THAT(choose_merge(segments(7, 3)), IsEmpty());
  EXPECT_THAT(choose_merge(segments(8, 3)), SizeIs(8));
  EXPECT_THAT(choose_merge({}), IsEmpty());
}

TEST(Segments, SizesAreApartByPowersOfEight) {
  auto mixed = segments(7, 7); // the smallest size: fewer than eight chunks
  mixed.push_back({100, 8});
  EXPECT_THAT(choose_merge(mixed), IsEmpty());
  mixed.back().chunks = 7;
  EXPECT_THAT(choose_merge(mixed), SizeIs(8));
  mixed.push_back({101, 8});
  EXPECT_THAT(choose_merge(mixed), SizeIs(8)); // without it
}

// Each chunk is copied as often as the logarithm says, and few segments stay.
TEST(Segments, StayFewHoweverManyWritesThereAre) {
  std::vector<Segment> all;
  std::uint64_t copied = 0;
  std::int64_t next = 0;
  constexpr std::uint64_t kWrites = 4'096;
  for (std::uint64_t i = 0; i < kWrites; ++i) {
    all.push_back({next++, 1});
    for (auto chosen = choose_merge(all); !chosen.empty(); chosen = choose_merge(all)) {
      Segment merged{next++, 0};
      for (const std::int64_t id : chosen) {
        const auto at = std::ranges::find(all, id, &Segment::id);
        merged.chunks += at->chunks;
        all.erase(at);
      }
      copied += merged.chunks;
      all.push_back(merged);
    }
    ASSERT_LE(all.size(), 7u * 5);
  }
  EXPECT_THAT(all, SizeIs(1));
  EXPECT_EQ(copied, 4 * kWrites);
}

TEST(Segments, TheDeadAreTakenOutWhenTheyAreATenthAndAThousand) {
  EXPECT_FALSE(wants_rewrite(100, 999));
  EXPECT_TRUE(wants_rewrite(100, 1'000));
  EXPECT_FALSE(wants_rewrite(100'000, 9'999));
  EXPECT_TRUE(wants_rewrite(100'000, 10'000));
}

} // namespace
} // namespace raglan::postgres_store

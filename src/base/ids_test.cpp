#include "base/ids.h"

#include <cctype>
#include <set>

#include <gtest/gtest.h>

namespace raglan {
namespace {

using namespace std::chrono_literals;

TEST(Uuid7, BeginsWithTheMillisecondsAndMarksVersionAndVariant) {
  // The instant of RFC 9562's own example, appendix A.6.
  const std::string id = make_uuid7(WallTime(std::chrono::milliseconds(0x017F22E279B0)));
  ASSERT_EQ(id.size(), 36u);
  EXPECT_EQ(id.substr(0, 15), "017f22e2-79b0-7");
  EXPECT_NE(std::string("89ab").find(id[19]), std::string::npos) << id;
  for (std::size_t i = 0; i < id.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    EXPECT_EQ(id[i] == '-', dash) << id;
    if (!dash) EXPECT_TRUE(std::isxdigit(static_cast<unsigned char>(id[i]))) << id;
  }
}

TEST(Uuid7, LaterSortsLaterAndNoneRepeats) {
  const ManualClock clock;
  const WallTime now = clock.wall_now();
  EXPECT_LT(make_uuid7(now), make_uuid7(now + 1ms));
  std::set<std::string> ids;
  for (int i = 0; i < 10'000; ++i) ids.insert(make_uuid7(now));
  EXPECT_EQ(ids.size(), 10'000u);
}

} // namespace
} // namespace raglan

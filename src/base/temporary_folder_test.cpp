#include "base/temporary_folder.h"

#include <fstream>

#include <gtest/gtest.h>

namespace raglan {
namespace {

TEST(TemporaryFolder, IsGoneWithAllThatIsInIt) {
  std::filesystem::path path;
  {
    auto folder = TemporaryFolder::make("raglan-test-");
    ASSERT_TRUE(folder);
    path = folder->path();
    std::ofstream(path / "file") << "text";
    EXPECT_TRUE(std::filesystem::exists(path / "file"));
    const TemporaryFolder moved = std::move(*folder);
    EXPECT_EQ(moved.path(), path);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(TemporaryFolder, EachHasAPlaceOfItsOwn) {
  auto one = TemporaryFolder::make("raglan-test-");
  auto two = TemporaryFolder::make("raglan-test-");
  ASSERT_TRUE(one && two);
  EXPECT_NE(one->path(), two->path());
}

} // namespace
} // namespace raglan

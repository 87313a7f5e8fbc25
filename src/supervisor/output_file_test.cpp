#include "supervisor/output_file.h"

#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "base/temporary_folder.h"

namespace raglan::supervisor {
namespace {

namespace fs = std::filesystem;

class OutputFileTest : public testing::Test {
 protected:
  OutputFile open(std::uint64_t max_bytes) {
    auto file = OutputFile::open(path_, max_bytes);
    EXPECT_TRUE(file.has_value());
    return std::move(*file);
  }
  static std::string text(const fs::path& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  fs::path older() const { return path_.string() + ".1"; }

  TemporaryFolder folder_ = *TemporaryFolder::make("raglan-output-");
  fs::path path_ = folder_.path() / "llm.log";
};

TEST_F(OutputFileTest, GoesOnWithWhatIsThere) {
  open(100).write("one ");
  open(100).write("two");
  EXPECT_EQ(text(path_), "one two");
}

TEST_F(OutputFileTest, TheNewestHalfIsAlwaysThere) {
  OutputFile file = open(20);
  file.write("0123456789"); // exactly half
  EXPECT_FALSE(fs::exists(older()));
  file.write("abc");
  EXPECT_EQ(text(older()), "0123456789");
  EXPECT_EQ(text(path_), "abc");
}

TEST_F(OutputFileTest, NeverPassesItsBound) {
  OutputFile file = open(64);
  for (int i = 0; i < 1000; ++i) {
    file.write(std::string(static_cast<std::size_t>(i % 50), 'x'));
    ASSERT_LE(fs::file_size(path_) + (fs::exists(older()) ? fs::file_size(older()) : 0), 64U);
  }
}

TEST_F(OutputFileTest, OnlyItsOwnerMayReadIt) {
  open(100).write("x");
  EXPECT_EQ(fs::status(path_).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(OutputFileTest, AFolderThatIsNotThereIsAnError) {
  const auto file = OutputFile::open(folder_.path() / "missing" / "x.log", 100);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, ErrorCode::kUnavailable);
}

} // namespace
} // namespace raglan::supervisor

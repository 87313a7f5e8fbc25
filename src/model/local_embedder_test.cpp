#include "model/local_embedder.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

namespace raglan::model {
namespace {

const std::filesystem::path kModel = RAGLAN_DEPS "/models/all-MiniLM-L6-v2";

float dot(std::span<const float> left, std::span<const float> right) {
  float sum = 0;
  for (std::size_t i = 0; i < left.size(); ++i) sum += left[i] * right[i];
  return sum;
}

TEST(LocalEmbedder, SimilarTextsAreNearer) {
  auto embedder = LocalEmbedder::load(kModel, {});
  ASSERT_TRUE(embedder) << embedder.error().message;
  auto made = (*embedder)->embed({"How do I reset my password?", "I forgot my login credentials",
                                  "The weather is sunny in Spain"},
                                 Deadline());
  ASSERT_TRUE(made) << made.error().message;
  ASSERT_EQ(made->rows(), 3u);
  const std::span<const float> all = made->values;
  const auto row = [&](std::size_t i) { return all.subspan(i * 384, 384); };
  EXPECT_NEAR(dot(row(0), row(0)), 1, 1e-4);
  EXPECT_GT(dot(row(0), row(1)), dot(row(0), row(2)) + 0.2f);
}

TEST(LocalEmbedder, IdIsTheWeightsNotTheFoldersName) {
  const std::filesystem::path moved =
      std::filesystem::temp_directory_path() / fmt::format("raglan-moved-model-{}", ::getpid());
  std::filesystem::create_directory(moved);
  for (const auto& entry : std::filesystem::directory_iterator(kModel)) {
    std::filesystem::create_symlink(entry.path(), moved / entry.path().filename());
  }
  auto here = LocalEmbedder::load(kModel, {});
  auto there = LocalEmbedder::load(moved, {});
  std::filesystem::remove_all(moved);
  ASSERT_TRUE(here);
  ASSERT_TRUE(there) << there.error().message;
  EXPECT_EQ((*here)->id(), (*there)->id());
  EXPECT_EQ((*here)->name(), "all-MiniLM-L6-v2");
  EXPECT_EQ((*there)->name(), moved.filename().string());
}

} // namespace
} // namespace raglan::model

#include <gtest/gtest.h>

#include "config/registry.h"
#include "model/embedding_queue.h"
#include "model/local_embedder.h"

namespace raglan::model {
namespace {

class EmbeddingSettings : public testing::Test {
 protected:
  EmbeddingSettings() {
    registry_.add("embedding", embedder_, "the model");
    registry_.add("embedding", queue_, "its queue");
  }
  std::vector<config::Problem> load(std::string toml) {
    return registry_.load({.file_name = "raglan.toml", .toml = std::move(toml)});
  }

  LocalEmbedderConfig embedder_;
  EmbeddingQueueConfig queue_;
  config::Registry registry_;
};

TEST_F(EmbeddingSettings, DefaultsLieWithinTheirBounds) {
  for (const auto& problem : load(registry_.show())) ADD_FAILURE() << problem.text();
}

TEST_F(EmbeddingSettings, EachKeySetsItsMember) {
  const auto problems = load(R"(
[embedding]
threads = 3
batch_tokens = 600
batch_window = "5ms"
max_queued_texts = 10
max_queued_tokens = 1000
)");
  for (const auto& problem : problems) ADD_FAILURE() << problem.text();
  EXPECT_EQ(embedder_.threads, 3U);
  EXPECT_EQ(embedder_.batch_tokens, 600U);
  EXPECT_EQ(queue_.batch_window, std::chrono::milliseconds(5));
  EXPECT_EQ(queue_.max_queued_texts, 10U);
  EXPECT_EQ(queue_.max_queued_tokens, 1000U);
}

} // namespace
} // namespace raglan::model

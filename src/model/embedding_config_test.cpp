#include <gtest/gtest.h>

#include "config/registry.h"
#include "model/embedding_queue.h"
#include "model/local_embedder.h"
#include "model/remote_embedder.h"

namespace raglan::model {
namespace {

class EmbeddingSettings : public testing::Test {
 protected:
  EmbeddingSettings() {
    registry_.add("embedding", embedder_, "the model");
    registry_.add("embedding", queue_, "its queue");
    registry_.add("embedding", remote_, "a provider's");
  }
  std::vector<config::Problem> load(std::string toml) {
    return registry_.load({.file_name = "raglan.toml", .toml = std::move(toml)});
  }

  LocalEmbedderConfig embedder_;
  EmbeddingQueueConfig queue_;
  RemoteEmbedderConfig remote_;
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

TEST_F(EmbeddingSettings, ABaseUrlIsAnHttpUrlWithoutAQuery) {
  const auto base_url = [&](std::string_view url) {
    return load(fmt::format("[embedding]\nbase_url = \"{}\"\n", url)).size();
  };
  EXPECT_EQ(base_url("http://127.0.0.1:9/v1"), 0U);
  EXPECT_EQ(base_url("https://host/openai/"), 0U);
  for (const char* url :
       {"", "host/v1", "ftp://host", "http://host/v1?key=x", "http://me:x@host"}) {
    EXPECT_EQ(base_url(url), 1U) << url;
  }
}

TEST_F(EmbeddingSettings, TheKeyIsNotShown) {
  EXPECT_TRUE(load("[embedding]\napi_key = \"sesame\"\n").empty());
  EXPECT_EQ(remote_.api_key.reveal(), "sesame");
  EXPECT_EQ(registry_.show().find("sesame"), std::string::npos);
}

} // namespace
} // namespace raglan::model

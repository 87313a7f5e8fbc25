#include "evaluation/evaluate.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <filesystem>

#include "evaluation/report.h"
#include "net/event_loops.h"
#include "store/offloaded_store.h"

namespace raglan::evaluation {
namespace {

constexpr std::size_t kDimension = 26;

// A text's letters, counted: texts of the same letters are near.
class LetterEmbedder final : public model::Embedder {
 public:
  std::string_view id() const override { return "letters"; }
  std::string_view name() const override { return "fake"; }
  std::size_t dimension() const override { return kDimension; }
  std::size_t max_tokens() const override { return 256; }
  std::size_t count_tokens(std::string_view text) const override { return text.size() / 5 + 1; }
  model::BatchLimits batch_limits() const override { return {.texts = 64, .tokens = 512}; }
  Result<model::Embeddings> embed(const std::vector<std::string_view>& texts,
                                  model::EmbeddingCall) override {
    model::Embeddings made{.dimension = kDimension, .values = {}, .tokens = 0};
    for (const std::string_view text : texts) {
      std::array<float, kDimension> counts{};
      for (const char c : text) {
        if (c >= 'a' && c <= 'z') ++counts[static_cast<std::size_t>(c - 'a')];
      }
      float squares = 1e-6f;
      for (const float count : counts) squares += count * count;
      for (const float count : counts) made.values.push_back(count / std::sqrt(squares));
    }
    return made;
  }
};

class EvaluateTest : public testing::Test {
 protected:
  EvaluateTest() {
    folder_ = std::filesystem::path(testing::TempDir()) /
              fmt::format("raglan-evaluate-test-{}", ::getpid()); // tests run side by side
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    loops_.start();
    embedded_ = std::move(*store::EmbeddedStore::open(folder_ / "store.db", {"letters", kDimension},
                                                      {}, SystemClock::instance()));
    store_.emplace(
        store::OffloadedStore::Parts{*embedded_, in_place_, in_place_, SystemClock::instance()});
  }
  ~EvaluateTest() override {
    loops_.stop();
    store_.reset();
    embedded_.reset();
    std::filesystem::remove_all(folder_);
  }

  Result<Evaluation> run(const BeirCollection& collection, EvaluationConfig config = {}) {
    const EvaluationParts parts{.store = *store_,
                                .loop = loops_.executor(0),
                                .embedder = embedder_,
                                .clock = SystemClock::instance()};
    return evaluate(collection, parts, config);
  }

  LetterEmbedder embedder_;
  std::filesystem::path folder_;
  std::unique_ptr<store::EmbeddedStore> embedded_;
  net::Submit in_place_ = [](const std::function<void()>& work) {
    work();
    return true;
  };
  std::optional<store::OffloadedStore> store_;
  net::EventLoops loops_{{.threads = 1}};
};

TEST_F(EvaluateTest, APerfectRankingOnEverySideIsOne) {
  const BeirCollection fruit{.name = "fruit",
                             .documents = {{"a", "", "apple apple apple"},
                                           {"k", "", "kiwi kiwi kiwi"},
                                           {"blank", "", " \n"}},
                             .queries = {{"1", "apple", {{"a", 1}}}, {"2", "kiwi", {{"k", 2}}}}};
  const auto evaluation = run(fruit);
  ASSERT_TRUE(evaluation) << evaluation.error().message;
  for (const RankingMetrics& side : {evaluation->dense, evaluation->bm25, evaluation->hybrid}) {
    EXPECT_DOUBLE_EQ(side.ndcg_at_10, 1);
    EXPECT_DOUBLE_EQ(side.recall_at_10, 1);
    EXPECT_DOUBLE_EQ(side.mrr, 1);
  }
  EXPECT_EQ(evaluation->chunks, 2u);
}

TEST_F(EvaluateTest, TheSidesAreMeasuredByThemselves) {
  // The anagram has the letters of the right document, and none of its words.
  const BeirCollection anagrams{.name = "anagrams",
                                .documents = {{"right", "", "listen"}, {"wrong", "", "zoology"}},
                                .queries = {{"1", "silent", {{"right", 1}}}}};
  const auto evaluation = run(anagrams);
  ASSERT_TRUE(evaluation);
  EXPECT_DOUBLE_EQ(evaluation->dense.ndcg_at_10, 1);
  EXPECT_DOUBLE_EQ(evaluation->bm25.ndcg_at_10, 0);
  EXPECT_DOUBLE_EQ(evaluation->hybrid.ndcg_at_10, 1);
}

TEST_F(EvaluateTest, ALongDocumentDoesNotHideTheOthers) {
  // More chunks of one document rank before the right one than a search asks for at first.
  std::string chapters;
  for (int i = 0; i < 200; ++i) chapters += "walrus walrus walrus walrus walrus walrus.\n\n";
  const BeirCollection books{
      .name = "books",
      .documents = {{"long", "", chapters},
                    {"short", "", "walrus and also penguins, seals, whales"}},
      .queries = {{"1", "walrus", {{"short", 1}}}}};
  EvaluationConfig config;
  config.chunker = {.chunk_tokens = 20, .overlap_tokens = 0, .min_chunk_tokens = 1};
  config.retrieval.candidates = 4;
  const auto evaluation = run(books, config);
  ASSERT_TRUE(evaluation) << evaluation.error().message;
  ASSERT_GT(evaluation->chunks, 50u);
  EXPECT_DOUBLE_EQ(evaluation->dense.mrr, 0.5);
  EXPECT_DOUBLE_EQ(evaluation->bm25.mrr, 0.5);
  EXPECT_DOUBLE_EQ(evaluation->hybrid.mrr, 0.5);
}

TEST_F(EvaluateTest, ReportsWhatScriptsRelyOn) {
  const BeirCollection fruit{.name = "fruit",
                             .documents = {{"a", "", "apple"}, {"k", "", "kiwi"}},
                             .queries = {{"1", "apple", {{"a", 1}}}}};
  const auto evaluation = run(fruit);
  ASSERT_TRUE(evaluation);
  const boost::json::object report = report_json(*evaluation);
  EXPECT_EQ(report.at("collection"), "fruit");
  EXPECT_EQ(report.at("queries"), 1);
  for (const char* side : {"dense", "bm25", "hybrid"}) {
    for (const char* metric : {"ndcg@10", "recall@10", "mrr"}) {
      EXPECT_EQ(report.at(side).at(metric), 1.0) << side << metric;
    }
  }
  EXPECT_GT(report.at("seconds").at("total").as_double(), 0);
  EXPECT_TRUE(report_table(*evaluation).contains("hybrid"));
}

} // namespace
} // namespace raglan::evaluation

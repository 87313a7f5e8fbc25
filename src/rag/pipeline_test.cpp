#include "rag/pipeline.h"

#include <gtest/gtest.h>

#include <semaphore>
#include <thread>
#include <utility>

#include "net/detach.h"
#include "rag/pipeline_fixture_test.h"
#include "rag/query_key.h"

namespace raglan::rag {
namespace {

TEST_F(PipelineTest, AnswersWithSourcesAndThenFromTheCache) {
  const auto first = ask(question());
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->cache, CacheStatus::kMiss);
  ASSERT_EQ(first->answer->sources.size(), 1u);
  EXPECT_EQ(first->answer->sources[0].n, 1u);
  EXPECT_TRUE(first->answer->found);
  EXPECT_TRUE(first->answer->text->contains("reclaims storage"));
  const int embeddings = embedder_.calls;

  const auto second = ask(question());
  ASSERT_TRUE(second);
  EXPECT_EQ(second->cache, CacheStatus::kHit);
  EXPECT_EQ(second->answer, first->answer);
  EXPECT_NE(second->id, first->id);
  EXPECT_EQ(store_.searches, 1);
  EXPECT_EQ(embedder_.calls, embeddings);
}

TEST_F(PipelineTest, WhiteSpaceDoesNotMakeAnotherQuestion) {
  ASSERT_TRUE(ask(question()));
  QueryRequest spaced = question();
  spaced.query = "  what does the\tvacuum command\n reclaim? ";
  EXPECT_EQ(ask(spaced)->cache, CacheStatus::kHit);
}

TEST_F(PipelineTest, WhatChangesTheAnswerChangesTheKey) {
  ASSERT_TRUE(ask(question()));
  QueryRequest other = question();
  other.top_k = 3;
  EXPECT_EQ(ask(other)->cache, CacheStatus::kMiss);
  other = question();
  other.mode = QueryMode::kRetrieve;
  EXPECT_EQ(ask(other)->cache, CacheStatus::kMiss);
  other = question();
  other.filter_json = R"({"lang":"en"})";
  EXPECT_EQ(ask(other)->cache, CacheStatus::kMiss);
  other = question();
  other.collection.tenant = "other";
  EXPECT_EQ(ask(other)->cache, CacheStatus::kMiss);
}

TEST_F(PipelineTest, WhatChangesWhatIsFoundOrSaidChangesTheKeys) {
  const ConfigKeys shipped = config_keys(config_, "fake", "");
  const auto keys_after = [&](auto change) {
    PipelineConfig other = config_;
    change(other);
    return config_keys(other, "fake", "");
  };
  using Config = PipelineConfig;
  const std::vector<std::function<void(Config&)>> finding{
      [](Config& config) { config.retrieval.mode = RetrievalMode::kDense; },
      [](Config& config) { config.retrieval.candidates += 1; },
      [](Config& config) { config.retrieval.method = FusionMethod::kRrf; },
      [](Config& config) { config.retrieval.bm25_weight += 0.1; },
      [](Config& config) { config.retrieval.rrf_k += 1; },
  };
  for (std::size_t i = 0; i < finding.size(); ++i) {
    EXPECT_NE(keys_after(finding[i]).retrieval, shipped.retrieval) << i;
  }
  const std::vector<std::function<void(Config&)>> answering{
      [](Config& config) { config.extractive.max_candidates += 1; },
      [](Config& config) { config.extractive.max_sentences += 1; },
      [](Config& config) { config.extractive.min_cosine += 0.1; },
      [](Config& config) { config.prompt.instructions = "Answer in verse."; },
      [](Config& config) { config.prompt.context_tokens += 1; },
      [](Config& config) { config.prompt.max_tokens += 1; },
  };
  for (std::size_t i = 0; i < answering.size(); ++i) {
    EXPECT_EQ(keys_after(answering[i]).retrieval, shipped.retrieval) << i;
    EXPECT_NE(keys_after(answering[i]).answer, shipped.answer) << i;
  }
  EXPECT_NE(config_keys(config_, "another model", "").retrieval, shipped.retrieval);
  EXPECT_NE(config_keys(config_, "fake", "a writer").answer, shipped.answer);
}

TEST_F(PipelineTest, EachPartOfTheGenerationChangesTheKey) {
  const ConfigKeys keys = config_keys(config_, "fake", "");
  const store::Generation shipped{.epoch = 1, .seq = 2, .nonce = 3};
  const Hash128 key = query_key(question(), shipped, keys);
  for (const store::Generation& other : {store::Generation{.epoch = 9, .seq = 2, .nonce = 3},
                                         store::Generation{.epoch = 1, .seq = 9, .nonce = 3},
                                         store::Generation{.epoch = 1, .seq = 2, .nonce = 9}}) {
    EXPECT_NE(query_key(question(), other, keys), key);
    EXPECT_NE(retrieval_key(question(), other, keys), retrieval_key(question(), shipped, keys));
  }
}

TEST_F(PipelineTest, AnUnknownCollectionIsNotFoundInEveryCacheMode) {
  QueryRequest request = question();
  request.collection.name = "nowhere";
  EXPECT_EQ(code_of(ask(request)), ErrorCode::kNotFound);
}

TEST_F(PipelineTest, RefreshAnswersAgainAndReplacesTheEntry) {
  const auto first = ask(question());
  const auto refreshed = ask(question(CacheMode::kRefresh));
  EXPECT_EQ(refreshed->cache, CacheStatus::kRefresh);
  EXPECT_EQ(store_.searches, 2);
  EXPECT_EQ(ask(question())->answer, refreshed->answer);
}

TEST_F(PipelineTest, AnotherModeFindsThePassagesInTheRetrievalCache) {
  const auto answered = ask(question());
  EXPECT_EQ(answered->layer, std::nullopt);
  const int embeddings = embedder_.calls;
  QueryRequest passages = question();
  passages.mode = QueryMode::kRetrieve;
  const auto found = ask(passages);
  EXPECT_EQ(found->cache, CacheStatus::kMiss);
  EXPECT_EQ(found->layer, CacheLayer::kRetrieval);
  EXPECT_EQ(found->answer->sources.size(), answered->answer->sources.size());
  EXPECT_EQ(store_.searches, 1);
  EXPECT_EQ(embedder_.calls, embeddings); // nothing needs the question's vector
}

TEST_F(PipelineTest, AfterAWriteThePassagesAreSearchedAgain) {
  ASSERT_TRUE(ask(question()));
  ++store_.current.seq;
  QueryRequest passages = question();
  passages.mode = QueryMode::kRetrieve;
  EXPECT_EQ(ask(passages)->layer, CacheLayer::kEmbedding);
  EXPECT_EQ(store_.searches, 2);
}

TEST_F(PipelineTest, WhatWasEmbeddedOnceIsNotEmbeddedAgain) {
  EXPECT_GT(ask(question())->answer->embedding_tokens, 0u);
  const int embeddings = embedder_.calls;
  ++store_.current.seq; // neither the answer nor the passages are of use any more
  for (const CacheMode mode : {CacheMode::kUse, CacheMode::kRefresh}) {
    const auto again = ask(question(mode));
    EXPECT_EQ(again->layer, CacheLayer::kEmbedding);
    EXPECT_EQ(again->answer->embedding_tokens, 0u); // of the question, and of the sentences
  }
  EXPECT_EQ(embedder_.calls, embeddings);
}

TEST_F(PipelineTest, BypassEmbedsEveryTimeAndKeepsNoVector) {
  for (int round = 0; round < 2; ++round) {
    const int embeddings = embedder_.calls;
    const auto reply = ask(question(CacheMode::kBypass));
    EXPECT_GT(reply->answer->embedding_tokens, 0u);
    EXPECT_EQ(reply->layer, std::nullopt);
    EXPECT_GT(embedder_.calls, embeddings);
  }
  EXPECT_EQ(embeddings_.stats().memory.entries, 0u);
}

TEST_F(PipelineTest, PassagesFoundByWordsAloneAreNotKept) {
  embedder_.failing = true;
  EXPECT_EQ(ask(question())->answer->degraded_level, 1u);
  embedder_.failing = false;
  QueryRequest passages = question();
  passages.mode = QueryMode::kRetrieve;
  EXPECT_EQ(ask(passages)->layer, std::nullopt);
  EXPECT_EQ(store_.searches, 2);
}

TEST_F(PipelineTest, TheQuestionsAskedMostAreKnown) {
  config_.hot_queries = 10;
  ASSERT_TRUE(ask(question()));
  ASSERT_TRUE(ask(question()));
  ASSERT_TRUE(ask(question(CacheMode::kBypass))); // a measurement is no demand
  ASSERT_EQ(pipeline().hot_queries().top(10).size(), 1u);
  EXPECT_EQ(pipeline().hot_queries().top(10)[0].count, 2u);
}

TEST_F(PipelineTest, BypassNeitherReadsNorWritesTheCache) {
  EXPECT_EQ(ask(question(CacheMode::kBypass))->cache, CacheStatus::kBypass);
  EXPECT_EQ(ask(question())->cache, CacheStatus::kMiss);
  EXPECT_EQ(ask(question(CacheMode::kBypass))->cache, CacheStatus::kBypass);
  EXPECT_EQ(store_.searches, 3);
}

TEST_F(PipelineTest, OnlyAnswersFromTheCacheOrNotAtAll) {
  EXPECT_EQ(code_of(ask(question(CacheMode::kOnly))), ErrorCode::kNotCached);
  EXPECT_EQ(store_.searches, 0);
  ASSERT_TRUE(ask(question()));
  EXPECT_EQ(ask(question(CacheMode::kOnly))->cache, CacheStatus::kHit);
}

TEST_F(PipelineTest, AWriteMakesTheOlderAnswerUnreachable) {
  ASSERT_TRUE(ask(question()));
  store_.add("Another passage on the vacuum command.");
  const auto reply = ask(question());
  EXPECT_EQ(reply->cache, CacheStatus::kMiss);
  EXPECT_EQ(reply->answer->sources.size(), 2u);
}

TEST_F(PipelineTest, AnAnswerIsKeptUnderTheGenerationThatWasSearched) {
  store_.write_before_search = true; // after the generation was read for the look-up
  const auto first = ask(question());
  EXPECT_EQ(first->answer->generation, store_.current);
  store_.write_before_search = false;
  EXPECT_EQ(ask(question())->cache, CacheStatus::kHit);
  --store_.current.seq; // nothing was stored under the generation that was looked up
  EXPECT_EQ(ask(question())->cache, CacheStatus::kMiss);
}

TEST_F(PipelineTest, WithoutTheEmbedderWordsAloneAnswerAtLevelOneAndNothingIsKept) {
  embedder_.failing = true;
  const auto degraded = ask(question());
  ASSERT_TRUE(degraded) << degraded.error().message;
  EXPECT_EQ(degraded->answer->degraded_level, 1u);
  EXPECT_EQ(degraded->answer->degraded_reasons, std::vector<std::string>{"embedder_unavailable"});
  EXPECT_TRUE(store_.last_search.query_vector.empty());
  EXPECT_EQ(degraded->answer->sources.size(), 1u);
  embedder_.failing = false;
  const auto whole = ask(question());
  EXPECT_EQ(whole->cache, CacheStatus::kMiss);
  EXPECT_EQ(whole->answer->degraded_level, 0u);
}

TEST_F(PipelineTest, AnExpiredDeadlineStartsNoStage) {
  QueryRequest late = question();
  late.deadline = Deadline(clock_.now());
  EXPECT_EQ(code_of(ask(late)), ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(store_.searches, 0);
  EXPECT_EQ(embedder_.calls, 0);
}

TEST_F(PipelineTest, ADeadlineThatPassesOnTheWayEndsTheQuestion) {
  QueryRequest request = question();
  request.deadline = Deadline::after(std::chrono::milliseconds(5), clock_.now());
  submit_ = [this](std::function<void()> work) {
    clock_.advance(std::chrono::milliseconds(10)); // a slow executor
    work();
    return true;
  };
  EXPECT_EQ(code_of(ask(request)), ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(store_.searches, 0);
}

TEST_F(PipelineTest, AQuestionThatWaitsForAnExecutorEndsAtItsDeadlineAndIsNotSearched) {
  std::vector<std::function<void()>> waiting;
  submit_ = [&](std::function<void()> work) {
    waiting.push_back(std::move(work));
    return true;
  };
  for (const CacheMode cache : {CacheMode::kUse, CacheMode::kBypass}) { // generation, search
    QueryRequest request = question(cache);
    request.deadline = Deadline::after(std::chrono::milliseconds(50), clock_.now());
    EXPECT_EQ(code_of(ask(request)), ErrorCode::kDeadlineExceeded);
  }
  ASSERT_EQ(waiting.size(), 2u);
  clock_.advance(std::chrono::milliseconds(50));
  for (auto& work : waiting) work();
  EXPECT_EQ(store_.searches, 0);
}

TEST_F(PipelineTest, AFullExecutorIsOverloaded) {
  submit_ = [](const std::function<void()>&) { return false; };
  EXPECT_EQ(code_of(ask(question())), ErrorCode::kOverloaded);
}

TEST_F(PipelineTest, AModeAsksItsSideOnly) {
  config_.retrieval.mode = RetrievalMode::kLexical;
  ASSERT_TRUE(ask(question()));
  EXPECT_TRUE(store_.last_search.query_vector.empty());
  EXPECT_EQ(embedder_.calls, 0);
  pipeline_.reset();
  config_.retrieval.mode = RetrievalMode::kDense;
  ASSERT_TRUE(ask(question()));
  EXPECT_EQ(store_.last_search.query_text, "");
  EXPECT_EQ(store_.last_search.query_vector.size(), 2u);
}

TEST_F(PipelineTest, ADenseOnlyPipelineFallsBackToWords) {
  config_.retrieval.mode = RetrievalMode::kDense;
  embedder_.failing = true;
  const auto reply = ask(question());
  EXPECT_EQ(reply->answer->degraded_level, 1u);
  EXPECT_NE(store_.last_search.query_text, "");
}

TEST_F(PipelineTest, APassageThatIsDeletedMeanwhileIsLeftOut) {
  store_.add("Second passage.");
  store_.add("Third passage.");
  store_.deleted_before_read = 2;
  const auto reply = ask(question());
  ASSERT_EQ(reply->answer->sources.size(), 2u);
  EXPECT_EQ(reply->answer->sources[1].chunk_id, 3u);
  EXPECT_EQ(reply->answer->sources[1].n, 2u);
}

TEST_F(PipelineTest, AnEmptyCollectionFindsNothing) {
  store_.passages.clear();
  const auto reply = ask(question());
  ASSERT_TRUE(reply);
  EXPECT_FALSE(reply->answer->found);
  EXPECT_EQ(reply->answer->text, std::string(kNothingFound));
  EXPECT_TRUE(reply->answer->sources.empty());
}

TEST_F(PipelineTest, RetrieveModeComposesNoAnswer) {
  QueryRequest request = question();
  request.mode = QueryMode::kRetrieve;
  const auto reply = ask(request);
  EXPECT_FALSE(reply->answer->text);
  EXPECT_TRUE(reply->answer->found);
  EXPECT_EQ(embedder_.calls, 1);
}

// Holds the work that goes to the executor until it is let go on.
class CoalescingTest : public PipelineTest {
 protected:
  CoalescingTest() {
    submit_ = [this](std::function<void()> work) {
      const std::lock_guard lock(mutex_);
      if (!holding_) {
        work();
      } else {
        held_.push_back(std::move(work));
      }
      return true;
    };
    // With a probe, only searches go to the executor.
    store_.probes = true;
    EXPECT_EQ(code_of(ask(question(CacheMode::kOnly))), ErrorCode::kNotCached);
    holding_ = true;
  }

  net::Running<QueryReply> begin(QueryRequest request, std::size_t loop = 0) {
    return start(pipeline().run(std::move(request)), loop);
  }
  void await_held(std::size_t count) {
    while (true) {
      const std::lock_guard lock(mutex_);
      if (held_.size() >= count) break;
    }
    settle(0);
    settle(1);
  }
  void let_go() {
    std::vector<std::function<void()>> work;
    {
      const std::lock_guard lock(mutex_);
      holding_ = false;
      work.swap(held_);
    }
    for (auto& each : work) each();
  }

  std::mutex mutex_;
  bool holding_ = false;
  std::vector<std::function<void()>> held_;
};

// An answer and the passages alone are two questions to the query cache, and one search.
TEST_F(CoalescingTest, TwoModesShareTheSearchThatIsUnderWay) {
  auto answer = begin(question());
  await_held(1);
  QueryRequest passages = question();
  passages.mode = QueryMode::kRetrieve;
  auto retrieved = begin(passages, 1);
  while (pipeline().coalesced_searches() == 0) std::this_thread::yield();
  let_go();
  ASSERT_TRUE(answer.get());
  const auto reply = retrieved.get();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->cache, CacheStatus::kMiss);
  EXPECT_EQ(store_.searches, 1);
  EXPECT_EQ(pipeline().coalesced_answers(), 0u);
}

TEST_F(CoalescingTest, TheSameQuestionAtTheSameTimeIsAnsweredOnce) {
  auto first = begin(question());
  await_held(1);
  std::vector<net::Running<QueryReply>> others;
  for (std::size_t i = 0; i < 20; ++i) {
    others.push_back(begin(question(), i % 2));
    settle(i % 2); // one after the other, so that each finds a probe free
  }
  EXPECT_EQ(held_.size(), 1u);
  let_go();
  const auto leader = first.get();
  EXPECT_EQ(leader->cache, CacheStatus::kMiss);
  for (auto& other : others) {
    const auto reply = other.get();
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->cache, CacheStatus::kCoalesced);
    EXPECT_EQ(reply->answer, leader->answer);
    EXPECT_NE(reply->id, leader->id);
  }
  EXPECT_EQ(store_.searches, 1);
  EXPECT_EQ(ask(question())->cache, CacheStatus::kHit);
}

TEST_F(CoalescingTest, WhoComesBetweenTheLookAndTheEndOfTheWorkAnswersNothingTwice) {
  std::promise<void> looked;
  std::promise<void> go_on;
  bool first_look = true;
  on_stage_ = [&](std::string_view stage, Duration) {
    if (stage != "cache" || !std::exchange(first_look, false)) return;
    looked.set_value();
    go_on.get_future().wait();
  };
  pipeline_.reset();
  let_go();
  auto slow = begin(question(), 1); // has found nothing in the cache, and does not ask on yet
  looked.get_future().wait();
  const auto first = ask(question());
  EXPECT_EQ(first->cache, CacheStatus::kMiss);
  go_on.set_value();
  const auto second = slow.get();
  EXPECT_EQ(second->cache, CacheStatus::kHit);
  EXPECT_EQ(second->answer, first->answer);
  EXPECT_EQ(store_.searches, 1);
}

TEST_F(CoalescingTest, OtherQuestionsAndOtherTenantsShareNothing) {
  auto first = begin(question());
  QueryRequest other = question();
  other.top_k = 3;
  auto second = begin(other);
  await_held(2);
  let_go();
  EXPECT_EQ(first.get()->cache, CacheStatus::kMiss);
  EXPECT_EQ(second.get()->cache, CacheStatus::kMiss);
  EXPECT_EQ(store_.searches, 2);
}

TEST_F(CoalescingTest, WhoWantsAFreshAnswerSharesNone) {
  auto first = begin(question());
  auto refresh = begin(question(CacheMode::kRefresh));
  auto bypass = begin(question(CacheMode::kBypass));
  await_held(3);
  let_go();
  EXPECT_EQ(first.get()->cache, CacheStatus::kMiss);
  EXPECT_EQ(refresh.get()->cache, CacheStatus::kRefresh);
  EXPECT_EQ(bypass.get()->cache, CacheStatus::kBypass);
  EXPECT_EQ(store_.searches, 3);
}

TEST_F(CoalescingTest, WhoAskedFirstMayLeaveWithoutHarm) {
  auto first = begin(question());
  await_held(1);
  auto second = begin(question(), 1);
  settle(1);
  first.cancel();
  EXPECT_EQ(first.error(), ErrorCode::kClientClosed);
  let_go();
  const auto reply = second.get();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->cache, CacheStatus::kCoalesced);
  EXPECT_EQ(store_.searches, 1);
}

// The client goes away while work waits on the executor; the work then runs without the coroutine.
TEST_F(PipelineTest, ACancelledQuestionLeavesWorkThatRefersToNothingOfIt) {
  std::function<void()> held;
  std::counting_semaphore<> arrived(0);
  submit_ = [&](std::function<void()> work) {
    held = std::move(work);
    arrived.release();
    return true;
  };
  for (const bool during_search : {false, true}) {
    auto question_under_way = start(pipeline().run(question()));
    arrived.acquire();
    if (during_search) { // the generation is read; the search is what waits
      std::exchange(held, nullptr)();
      arrived.acquire();
    }
    question_under_way.cancel();
    EXPECT_EQ(question_under_way.error(), ErrorCode::kClientClosed);
    // The work that nobody waits for any more is cancelled on its loop, from the answer to the
    // search within it: each by what the one before posts, and so behind one more settling.
    constexpr int kPosts = 8; // more than there are
    for (int i = 0; i < kPosts; ++i) settle();
    std::exchange(held, nullptr)();
  }
  EXPECT_EQ(store_.searches, 0); // nobody wanted the results any more
}

} // namespace
} // namespace raglan::rag

// What becomes of questions while there is too much to do.
#include "rag/overload.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "rag/answer_stream.h"
#include "rag/fake_generator_test.h"
#include "rag/pipeline_fixture_test.h"

namespace raglan::rag {
namespace {

using namespace std::chrono_literals;
using policy::Tier;

using Work = Overload::Work;

// Eight passages, and a language model that is asked by one at a time.
class OverloadTest : public PipelineTest {
 protected:
  OverloadTest() {
    for (int i = 0; i < 7; ++i) store_.add("The vacuum command, part " + std::to_string(i));
    overload_config_.limit = {.initial_limit = 1, .min_limit = 1, .max_limit = 1};
    overload_config_.admission.max_waiting = 1;
    generator_ = &writer_;
  }
  ~OverloadTest() override {
    if (own_) own_->stop();
    end_loops(); // a tick may be under way
  }

  Overload& overload() {
    if (!own_) {
      own_ = std::make_unique<Overload>(overload_config_, Overload::OnDecision(), clock_);
      overload_ = own_.get();
    }
    return *own_;
  }
  Result<QueryReply> ask_at(int level, QueryRequest request = question()) {
    overload().set_manual(level);
    return ask(std::move(request));
  }
  static QueryRequest by(Tier tier) {
    QueryRequest request = question();
    request.tier = tier;
    return request;
  }
  static QueryRequest other_question(Tier tier = Tier::kPaid) {
    QueryRequest request = by(tier);
    request.query = "what else is there?";
    return request;
  }
  std::size_t waiting(Work work = Work::kGeneration) {
    const auto status = overload().admission(work);
    return std::accumulate(status.waiting.begin(), status.waiting.end(), std::size_t{0});
  }
  void await_waiting(std::size_t count, Work work = Work::kGeneration) {
    while (waiting(work) != count) std::this_thread::yield();
  }

  FakeGenerator writer_;
  OverloadConfig overload_config_;
  std::unique_ptr<Overload> own_;
};

TEST_F(OverloadTest, WhoWaitsForTheProvidersQuotaKeepsNobodyFromTheModel) {
  overload();
  writer_.turns.with([](auto& wait) { wait = 300ms; });
  auto first = start(pipeline().run(question()));
  while (writer_.calls < 1) std::this_thread::yield();
  const auto other = ask(other_question()); // there is one place
  ASSERT_TRUE(other);
  EXPECT_EQ(other->service_level, 0);
  EXPECT_EQ(other->answer->degraded_level, 0u);
  EXPECT_EQ(writer_.under_way, 1);
  const auto reply = first.get();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->answer->degraded_level, 0u);
  std::vector<std::string_view> stages;
  for (const auto& [stage, took] : reply->timings) stages.push_back(stage);
  EXPECT_EQ(std::ranges::count(stages, "quota"), 1);
  EXPECT_EQ(std::ranges::count(stages, "generate"), 1);
}

TEST_F(OverloadTest, WhoFindsNoPlaceAfterTheProvidersQuotaHasThePassages) {
  overload();
  writer_.turns.with([](auto& wait) { wait = 500ms; });
  auto first = start(pipeline().run(question()));
  while (writer_.calls < 1) std::this_thread::yield();
  writer_.holding = true;
  auto second = start(pipeline().run(other_question()));
  while (writer_.calls < 2) std::this_thread::yield();
  QueryRequest another = question();
  another.query = "and what besides?";
  auto third = start(pipeline().run(another)); // the queue has room for one
  await_waiting(1);
  const auto reply = first.get();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->answer->degraded_level, 2u);
  EXPECT_TRUE(reply->answer->has_reason("overload"));
  while (writer_.calls < 3) {
    writer_.await_held();
    writer_.let_go_on();
  }
  writer_.let_all_end();
  EXPECT_TRUE(second.get());
  EXPECT_TRUE(third.get());
}

TEST_F(OverloadTest, WithoutLoadThereIsFullService) {
  overload();
  const auto reply = ask(question());
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->service_level, 0);
  EXPECT_EQ(reply->answer->sources.size(), 5u);
  for (const auto& [stage, took] : reply->timings) EXPECT_FALSE(stage.contains("queue"));
}

// A paid question is spared one level.
TEST_F(OverloadTest, LevelOneHasFewerPassages) {
  const auto reply = ask_at(2);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->service_level, 1);
  EXPECT_EQ(reply->service_reason, "manual");
  EXPECT_EQ(reply->degraded_level(), 1u);
  EXPECT_EQ(reply->answer->sources.size(), 3u);
  EXPECT_TRUE(reply->answer->text);
}

TEST_F(OverloadTest, LevelTwoIsThePassagesAlone) {
  const auto reply = ask_at(3);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->service_level, 2);
  EXPECT_EQ(reply->answer->sources.size(), 3u);
  EXPECT_FALSE(reply->answer->text);
  EXPECT_EQ(writer_.calls, 0);
}

TEST_F(OverloadTest, LevelThreeRefusesWhatNoCacheHas) {
  const auto reply = ask_at(4);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::kOverloaded);
  EXPECT_EQ(reply.error().retry_after, overload_config_.degradation.lower_hold);
  EXPECT_EQ(store_.searches, 0);
}

TEST_F(OverloadTest, EachTierIsSparedAsMuchAsItShouldBe) {
  overload().set_manual(2);
  EXPECT_EQ(ask(by(Tier::kVip))->service_level, 0);
  QueryRequest fresh = by(Tier::kPaid);
  fresh.cache = CacheMode::kBypass;
  EXPECT_EQ(ask(fresh)->service_level, 1);
  fresh.tier = Tier::kFree;
  EXPECT_EQ(ask(fresh)->service_level, 2);
}

TEST_F(OverloadTest, TheFullAnswerIsServedAtEveryLevelWhereACacheHasIt) {
  ASSERT_TRUE(ask_at(0));
  for (const int level : {2, 3, 4, 5}) {
    const auto reply = ask_at(level);
    ASSERT_TRUE(reply) << level;
    EXPECT_EQ(reply->cache, CacheStatus::kHit);
    EXPECT_EQ(reply->service_level, 0);
    EXPECT_EQ(reply->answer->sources.size(), 5u);
  }
}

TEST_F(OverloadTest, ASmallerAnswerIsCachedAndNeverInThePlaceOfTheFullOne) {
  for (const int level : {3, 2}) {
    EXPECT_EQ(ask_at(level)->cache, CacheStatus::kMiss);
    const auto again = ask_at(level);
    EXPECT_EQ(again->cache, CacheStatus::kHit);
    EXPECT_EQ(again->service_level, level - 1);
  }
  const auto full = ask_at(0);
  EXPECT_EQ(full->cache, CacheStatus::kMiss);
  EXPECT_EQ(full->answer->sources.size(), 5u);
}

TEST_F(OverloadTest, LevelThreeServesTheBestAnswerThatACacheHas) {
  ASSERT_TRUE(ask_at(3));
  auto reply = ask_at(4);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->cache, CacheStatus::kHit);
  EXPECT_EQ(reply->service_level, 2);
  EXPECT_FALSE(reply->answer->text);
  ASSERT_TRUE(ask_at(2));
  reply = ask_at(4);
  EXPECT_EQ(reply->service_level, 1);
  EXPECT_TRUE(reply->answer->text);
}

TEST_F(OverloadTest, LooksForSmallerAnswersAreNoMissesOfTheCache) {
  (void)ask_at(4);
  EXPECT_EQ(pipeline().query_cache().local().stats().misses, 1u);
}

TEST_F(OverloadTest, LevelThreeServesAFullAnswerThatExpiredNotLongAgo) {
  config_.query_cache.ttl = 1min;
  config_.freshness.stale_while_revalidate = 1s;
  config_.freshness.stale_if_error = 10min;
  ASSERT_TRUE(ask_at(0));
  clock_.advance(5min);
  const auto reply = ask_at(4);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->cache, CacheStatus::kStale);
  EXPECT_EQ(reply->service_level, 0);
  EXPECT_EQ(reply->answer->sources.size(), 5u);
}

TEST_F(OverloadTest, LevelThreeRefusesWhoDoesNotWantTheCache) {
  ASSERT_TRUE(ask_at(0));
  for (const CacheMode mode : {CacheMode::kBypass, CacheMode::kRefresh}) {
    EXPECT_EQ(code_of(ask_at(4, question(mode))), ErrorCode::kOverloaded);
  }
}

TEST_F(OverloadTest, AtTheNodesOwnLastLevelAPlaceThatIsFreeIsTaken) {
  overload().set_manual(4);
  overload().set_auto();
  const auto reply = ask(question());
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->service_level, 2);
  EXPECT_EQ(reply->service_reason, "overload");
  EXPECT_EQ(writer_.calls, 0);
}

TEST_F(OverloadTest, AtTheLastLevelNobodyWaits) {
  overload_config_.max_computing = 1;
  Overload& control = overload();
  auto place = start(control.enter(Work::kComputing, question())).get();
  ASSERT_TRUE(place);
  control.set_manual(4);
  control.set_auto();
  EXPECT_EQ(code_of(ask(question())), ErrorCode::kOverloaded);
  place->report(policy::LimitOutcome::kSuccess);
  EXPECT_TRUE(ask(question()));
}

TEST_F(OverloadTest, WhatIsAskedForLessAnywayIsNotDegraded) {
  QueryRequest small = question();
  small.mode = QueryMode::kRetrieve;
  small.top_k = 3;
  const auto reply = ask_at(3, small);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->service_level, 0);
  small.top_k = 4;
  EXPECT_EQ(ask_at(3, small)->service_level, 1);
}

TEST_F(OverloadTest, AStreamedAnswerIsSmallerToo) {
  overload().set_manual(3);
  auto streamed = start(pipeline().stream(question())).get();
  ASSERT_TRUE(streamed);
  const auto* whole = std::get_if<QueryReply>(&*streamed);
  ASSERT_NE(whole, nullptr);
  EXPECT_EQ(whole->service_level, 2);
}

TEST_F(OverloadTest, AQuestionWaitsForItsPlaceAndSaysHowLong) {
  overload();
  writer_.holding = true;
  auto first = start(pipeline().run(question()));
  writer_.await_held();
  auto second = start(pipeline().run(other_question()));
  await_waiting(1);
  clock_.advance(40ms);
  EXPECT_EQ(writer_.calls, 1);
  writer_.let_go_on();
  writer_.let_go_on();
  ASSERT_TRUE(first.get());
  writer_.let_go_on();
  writer_.let_go_on();
  const auto reply = second.get();
  ASSERT_TRUE(reply);
  const StageTimings::value_type waited{"generation_queue", 40ms};
  EXPECT_NE(std::ranges::find(reply->timings, waited), reply->timings.end());
}

TEST_F(OverloadTest, WhatIsCachedNeedsNoPlace) {
  ASSERT_TRUE(ask_at(0));
  writer_.holding = true;
  auto first = start(pipeline().run(other_question()));
  writer_.await_held();
  EXPECT_EQ(ask(question())->cache, CacheStatus::kHit);
  EXPECT_EQ(waiting(), 0u);
  writer_.let_go_on();
  writer_.let_go_on();
  EXPECT_TRUE(first.get());
}

TEST_F(OverloadTest, WhoCannotWaitForTheModelGetsAnOldAnswerOrThePassages) {
  config_.query_cache.ttl = 1min;
  config_.freshness.stale_while_revalidate = 1s;
  ASSERT_TRUE(ask_at(0));
  clock_.advance(5min);
  writer_.holding = true;
  auto first = start(pipeline().run(other_question()));
  writer_.await_held();
  QueryRequest third = question();
  third.query = "and what is this?";
  auto second = start(pipeline().run(third));
  await_waiting(1);
  const auto old = ask(question());
  ASSERT_TRUE(old);
  EXPECT_EQ(old->cache, CacheStatus::kStale);
  third.query = "and that?";
  const auto passages = ask(third);
  ASSERT_TRUE(passages);
  EXPECT_EQ(passages->degraded_level(), 2u);
  EXPECT_EQ(passages->answer->degraded_reasons, std::vector<std::string>{"overload"});
  EXPECT_EQ(passages->answer->sources.size(), 5u);
  EXPECT_FALSE(passages->stored);
  writer_.let_all_end();
  EXPECT_TRUE(first.get());
  while (writer_.calls < 3) std::this_thread::yield();
  writer_.let_all_end();
  EXPECT_TRUE(second.get());
}

TEST_F(OverloadTest, WhoHasTooLittleTimeForTheModelGetsThePassagesInTime) {
  overload();
  writer_.holding = true;
  auto first = start(pipeline().run(other_question()));
  writer_.await_held();
  QueryRequest hurried = question();
  hurried.deadline = Deadline::after(1s, clock_.now());
  auto second = start(pipeline().run(hurried));
  await_waiting(1);
  clock_.advance(999ms);
  await_waiting(0);
  const auto reply = second.get();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->degraded_level(), 2u);
  writer_.let_all_end();
  EXPECT_TRUE(first.get());
}

TEST_F(OverloadTest, WhoJoinedAndHasMoreTimeWaitsOn) {
  overload_config_.limit.window_min_samples = 1;
  overload();
  writer_.holding = true;
  for (int i = 0; i < 3; ++i) { // so long does one take
    QueryRequest slow = question(CacheMode::kBypass);
    auto answered = start(pipeline().run(slow));
    writer_.await_held();
    clock_.advance(500ms);
    writer_.let_all_end();
    ASSERT_TRUE(answered.get());
  }
  auto first = start(pipeline().run(other_question()));
  writer_.await_held();
  QueryRequest hurried = question();
  hurried.deadline = Deadline::after(600ms, clock_.now());
  auto second = start(pipeline().run(hurried));
  await_waiting(1);
  auto patient = start(pipeline().run(question()));
  while (pipeline().coalesced_answers() == 0) std::this_thread::yield();
  clock_.advance(100ms);
  const auto passages = second.get();
  ASSERT_TRUE(passages);
  EXPECT_EQ(passages->degraded_level(), 2u);
  writer_.let_all_end();
  EXPECT_TRUE(first.get());
  while (writer_.calls < 5) std::this_thread::yield();
  writer_.let_all_end(); // unless it has ended with the first
  const auto reply = patient.get();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->degraded_level(), 0u);
}

TEST_F(OverloadTest, QuestionsWaitToBeComputedToo) {
  overload_config_.max_computing = 1;
  auto place = start(overload().enter(Work::kComputing, question())).get();
  ASSERT_TRUE(place);
  auto first = start(pipeline().run(question()));
  await_waiting(1, Work::kComputing);
  EXPECT_EQ(code_of(ask(other_question())), ErrorCode::kOverloaded); // one may wait
  clock_.advance(40ms);
  place->report(policy::LimitOutcome::kSuccess);
  const auto reply = first.get();
  ASSERT_TRUE(reply);
  const StageTimings::value_type waited{"queue", 40ms};
  EXPECT_EQ(reply->timings.at(1), waited); // behind the look into the cache
}

TEST_F(OverloadTest, NobodyJoinsAQuestionOfALowerTier) {
  overload_config_.admission.max_waiting = 10;
  overload();
  writer_.holding = true;
  auto busy = start(pipeline().run(other_question()));
  writer_.await_held();
  auto free = start(pipeline().run(by(Tier::kFree)));
  await_waiting(1);
  auto vip = start(pipeline().run(by(Tier::kVip)));
  await_waiting(2);
  auto paid = start(pipeline().run(by(Tier::kPaid))); // joins the vip's
  while (pipeline().coalesced_answers() == 0) std::this_thread::yield();
  EXPECT_EQ(waiting(), 2u);
  for (int i = 0; i < 4; ++i) writer_.let_go_on();
  ASSERT_TRUE(vip.get());
  EXPECT_EQ(paid.get()->cache, CacheStatus::kCoalesced);
  for (int i = 0; i < 2; ++i) writer_.let_go_on();
  EXPECT_TRUE(free.get());
  EXPECT_TRUE(busy.get());
}

TEST_F(OverloadTest, ALongQueueDelayLowersTheServiceAndItsEndRaisesIt) {
  overload_config_.generation_interval = 1h; // nobody is dropped
  overload();
  writer_.holding = true;
  auto first = start(pipeline().run(question()));
  writer_.await_held();
  auto second = start(pipeline().run(other_question()));
  await_waiting(1);
  while (overload().degradation().level == 0) {
    clock_.advance(50ms);
    std::this_thread::sleep_for(net::AdmissionGate::kTick);
  }
  EXPECT_GE(overload().degradation().smoothed_delay, overload_config_.degradation.raise_above);
  second.cancel();
  (void)second.get(); // it may have been dropped before
  for (int i = 0; i < 2; ++i) writer_.let_go_on();
  EXPECT_TRUE(first.get());
  while (overload().degradation().level > 0) {
    clock_.advance(100ms);
    std::this_thread::sleep_for(net::AdmissionGate::kTick);
  }
}

TEST_F(OverloadTest, SwitchedOffNobodyWaits) {
  overload_config_.enabled = false;
  overload();
  writer_.holding = true;
  auto first = start(pipeline().run(question()));
  writer_.await_held();
  auto second = start(pipeline().run(other_question()));
  while (writer_.calls < 2) std::this_thread::yield();
  writer_.let_all_end();
  EXPECT_TRUE(first.get());
  EXPECT_TRUE(second.get());
}

} // namespace
} // namespace raglan::rag

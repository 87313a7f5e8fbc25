#include "rag/answer_stream.h"
#include "rag/fake_generator_test.h"
#include "rag/pipeline_fixture_test.h"

namespace raglan::rag {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class GenerationTest : public PipelineTest {
 protected:
  GenerationTest() {
    store_.probes = true;
    generator_ = &writer_;
  }
  ~GenerationTest() override { end_loops(); }

  // An open stream: whatever is not one fails the test.
  AnswerStream open(QueryRequest request, std::size_t loop = 0) {
    auto reply = start(pipeline().stream(std::move(request)), loop).get();
    EXPECT_TRUE(reply && std::holds_alternative<AnswerStream>(*reply));
    return std::get<AnswerStream>(std::move(*reply));
  }
  std::string next(AnswerStream& stream, std::size_t loop = 0) {
    return start(stream.next(), loop).get().value_or("(an error)");
  }
  std::string rest(AnswerStream& stream, std::size_t loop = 0) {
    std::string all;
    while (true) {
      const std::string text = next(stream, loop);
      if (text.empty()) return all;
      all += text;
    }
  }

  FakeGenerator writer_;
};

TEST_F(GenerationTest, TheModelWritesFromThePassagesAndTheAnswerIsKept) {
  const auto reply = ask(question());
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->answer->text, "It reclaims storage [1].");
  ASSERT_TRUE(reply->answer->author);
  EXPECT_EQ(reply->answer->author->model, "fake-writer");
  EXPECT_EQ(reply->usage().prompt_tokens, 100U);
  EXPECT_EQ(reply->usage().completion_tokens, 2U);
  const auto asked = writer_.last_request.with([](auto& last) { return last; });
  ASSERT_EQ(asked.messages.size(), 2U);
  EXPECT_THAT(asked.messages[1].text, HasSubstr("The vacuum command reclaims storage"));
  EXPECT_THAT(asked.messages[1].text, HasSubstr(question().query));
  EXPECT_EQ(asked.max_tokens, config_.prompt.max_tokens);

  const auto again = ask(question());
  EXPECT_EQ(again->cache, CacheStatus::kHit);
  EXPECT_EQ(again->usage().prompt_tokens, 0U);
  EXPECT_EQ(writer_.calls, 1);
}

TEST_F(GenerationTest, AFailingModelLeavesThePassagesAtLevelTwoAndNothingIsKept) {
  const std::vector<std::pair<ErrorCode, std::string>> failures{
      {ErrorCode::kUnavailable, "generator_unavailable"},
      {ErrorCode::kUpstream, "generator_unavailable"},
      {ErrorCode::kOverloaded, "generator_throttled"},
      {ErrorCode::kInvalidField, "generator_refused"}};
  writer_.pieces.clear();
  for (const auto& [code, reason] : failures) {
    writer_.failure = Error{code, "out of order", ""};
    const auto reply = ask(question());
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->answer->text, std::nullopt);
    EXPECT_EQ(reply->answer->sources.size(), 1U);
    EXPECT_EQ(reply->answer->degraded_level, 2U);
    EXPECT_THAT(reply->answer->degraded_reasons, ElementsAre(reason));
    EXPECT_FALSE(reply->stored);
  }
  EXPECT_EQ(writer_.calls, 4);
  writer_.failure.reset();
  EXPECT_THAT(ask(question())->answer->degraded_reasons, ElementsAre("generator_empty"));
}

TEST_F(GenerationTest, AFallbacksAnswerIsServedAndNotKept) {
  writer_.is_fallback = true;
  const auto reply = ask(question());
  EXPECT_EQ(reply->answer->text, "It reclaims storage [1].");
  EXPECT_EQ(reply->answer->degraded_level, 0U);
  EXPECT_THAT(reply->answer->degraded_reasons, ElementsAre("generator_fallback"));
  EXPECT_FALSE(reply->stored);
  EXPECT_EQ(ask(question())->cache, CacheStatus::kMiss);
}

TEST_F(GenerationTest, AnOldAnswerIsServedRatherThanThePassagesAlone) {
  const auto first = ask(question());
  clock_.advance(config_.query_cache.ttl + config_.freshness.stale_while_revalidate);
  writer_.pieces.clear();
  writer_.failure = Error{ErrorCode::kUnavailable, "out of order", ""};
  const auto stale = ask(question());
  EXPECT_EQ(stale->cache, CacheStatus::kStale);
  EXPECT_EQ(stale->answer, first->answer);
  EXPECT_EQ(ask(question(CacheMode::kRefresh))->answer->degraded_level, 2U); // was told not to
  clock_.advance(config_.freshness.stale_if_error - config_.freshness.stale_while_revalidate);
  EXPECT_EQ(ask(question())->answer->degraded_level, 2U);
}

TEST_F(GenerationTest, AModelThatIsTooSlowLeavesTimeForThePassages) {
  QueryRequest request = question();
  const Deadline deadline = Deadline::after(std::chrono::seconds(4), clock_.now());
  request.deadline = deadline;
  writer_.pieces.clear();
  writer_.failure = Error{ErrorCode::kDeadlineExceeded, "late", ""};
  const auto reply = ask(request);
  EXPECT_EQ(reply->answer->degraded_level, 2U);
  EXPECT_THAT(reply->answer->degraded_reasons, ElementsAre("generator_unavailable"));
  const auto given = writer_.last_request.with([](auto& last) { return last.deadline; });
  EXPECT_EQ(deadline.at() - given.at(), std::chrono::milliseconds(200));
}

TEST_F(GenerationTest, NoModelIsAskedForPassagesNorWhenThereAreNone) {
  QueryRequest passages = question();
  passages.mode = QueryMode::kRetrieve;
  EXPECT_EQ(ask(passages)->answer->text, std::nullopt);
  store_.passages.clear();
  ++store_.current.seq;
  EXPECT_EQ(ask(question())->answer->text, std::string(kNothingFound));
  EXPECT_EQ(writer_.calls, 0);
}

TEST_F(GenerationTest, CitationsOfPassagesThatThereAreNotAreTakenOut) {
  writer_.pieces = {"One [", "7] two [1", "][3] three."};
  const auto reply = ask(question());
  EXPECT_EQ(reply->answer->text, "One two [1] three.");
  EXPECT_EQ(reply->answer->author->citations_removed, 2U);
}

TEST_F(GenerationTest, AConversationIsSentAndHasAnAnswerOfItsOwn) {
  config_.follow_ups.rewrite = FollowUpRewriting::kOff;
  ASSERT_TRUE(ask(question()));
  auto conversation = std::make_shared<Conversation>();
  conversation->history = {{model::ChatRole::kUser, "Tell me of databases."},
                           {model::ChatRole::kAssistant, "Gladly."}};
  conversation->sampling.temperature = 0.5;
  conversation->max_tokens = 7;
  QueryRequest request = question();
  request.conversation = conversation;
  const auto reply = ask(request);
  EXPECT_EQ(reply->cache, CacheStatus::kMiss);
  const auto asked = writer_.last_request.with([](auto& last) { return last; });
  ASSERT_EQ(asked.messages.size(), 4U);
  EXPECT_EQ(asked.messages[2], conversation->history[1]);
  EXPECT_EQ(asked.max_tokens, 7U);
  EXPECT_EQ(asked.sampling, conversation->sampling);
  EXPECT_EQ(ask(request)->cache, CacheStatus::kHit);
  auto other = std::make_shared<Conversation>(*conversation);
  other->sampling.temperature = 0.6;
  request.conversation = other;
  EXPECT_EQ(ask(request)->cache, CacheStatus::kMiss);
}

TEST_F(GenerationTest, AStreamShowsTheTextWhileItIsWritten) {
  writer_.holding = true;
  auto stream = open(question());
  EXPECT_EQ(stream.outline().answer->sources.size(), 1U);
  EXPECT_EQ(stream.outline().cache, CacheStatus::kMiss);
  writer_.let_go_on();
  EXPECT_EQ(next(stream), "It reclaims"); // the blank may belong to a citation
  writer_.let_go_on();
  EXPECT_EQ(rest(stream), " storage [1].");
  const auto whole = start(stream.finish()).get();
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_EQ(whole->answer->text, "It reclaims storage [1].");
  EXPECT_TRUE(whole->stored);
  // What is there comes whole.
  const auto hit = start(pipeline().stream(question())).get();
  ASSERT_TRUE(hit && std::holds_alternative<QueryReply>(*hit));
  EXPECT_EQ(std::get<QueryReply>(*hit).cache, CacheStatus::kHit);
}

TEST_F(GenerationTest, WhoeverAsksTheSameReadsTheSameLiveAnswerFromItsBeginning) {
  writer_.holding = true;
  auto first = open(question());
  writer_.let_go_on();
  EXPECT_EQ(next(first), "It reclaims");
  auto late = open(question(), 1); // on another loop, in the middle of it
  EXPECT_EQ(late.outline().cache, CacheStatus::kCoalesced);
  EXPECT_EQ(next(late, 1), "It reclaims");
  auto whole = start(pipeline().run(question()), 1);
  settle(1);
  writer_.let_go_on();
  EXPECT_EQ(rest(first), " storage [1].");
  EXPECT_EQ(rest(late, 1), " storage [1].");
  EXPECT_EQ(whole.get()->answer->text, "It reclaims storage [1].");
  EXPECT_EQ(start(late.finish(), 1).get()->cache, CacheStatus::kCoalesced);
  EXPECT_EQ(writer_.calls, 1);
}

TEST_F(GenerationTest, TheModelIsCancelledWhenTheLastReaderLeaves) {
  writer_.holding = true;
  auto first = std::make_optional(open(question()));
  auto second = std::make_optional(open(question(), 1));
  writer_.await_held();
  first.reset();
  for (int i = 0; i < 4; ++i) settle();
  EXPECT_EQ(writer_.under_way, 1);
  second.reset();
  for (int i = 0; i < 8; ++i) settle();
  EXPECT_EQ(writer_.under_way, 0);
}

TEST_F(GenerationTest, AModelThatFailsWhileItWritesTakesTheTextBack) {
  writer_.holding = true;
  writer_.failure = Error{ErrorCode::kUpstream, "cut off", ""};
  auto stream = open(question());
  writer_.let_go_on();
  EXPECT_EQ(next(stream), "It reclaims");
  writer_.let_go_on();
  rest(stream);
  const auto reply = start(stream.finish()).get();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->answer->text, std::nullopt);
  EXPECT_EQ(reply->answer->degraded_level, 2U);
  EXPECT_THAT(reply->answer->degraded_reasons, ElementsAre("generator_interrupted"));
}

TEST_F(GenerationTest, WhoHasReadTheBeginningOfAnAnswerGetsNoOldOneInItsPlace) {
  ASSERT_TRUE(ask(question()));
  clock_.advance(config_.query_cache.ttl + config_.freshness.stale_while_revalidate);
  writer_.holding = true;
  writer_.failure = Error{ErrorCode::kUpstream, "cut off", ""};
  auto stream = open(question());
  writer_.let_go_on();
  EXPECT_EQ(next(stream), "It reclaims");
  writer_.let_go_on();
  rest(stream);
  const auto reply = start(stream.finish()).get();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->answer->text, std::nullopt);
  EXPECT_NE(reply->cache, CacheStatus::kStale);
}

TEST_F(GenerationTest, AQuestionTellsWhetherAModelWasAskedForIt) {
  QueryRequest asked = question();
  asked.model_asked = std::make_shared<std::atomic<bool>>(false);
  ASSERT_TRUE(ask(asked));
  EXPECT_TRUE(*asked.model_asked);
  *asked.model_asked = false;
  EXPECT_EQ(ask(asked)->cache, CacheStatus::kHit);
  EXPECT_FALSE(*asked.model_asked);
  asked.cache = CacheMode::kBypass;
  asked.deadline = Deadline(clock_.now());
  EXPECT_EQ(code_of(ask(asked)), ErrorCode::kDeadlineExceeded);
  EXPECT_FALSE(*asked.model_asked);
}

TEST_F(GenerationTest, EveryCacheModeStreams) {
  for (const CacheMode mode : {CacheMode::kBypass, CacheMode::kRefresh}) {
    auto stream = open(question(mode));
    EXPECT_EQ(rest(stream), "It reclaims storage [1].");
    EXPECT_TRUE(start(stream.finish()).get());
  }
  EXPECT_EQ(writer_.calls, 2);
}

TEST_F(GenerationTest, AnotherModelOrPromptAnswersAnew) {
  const ConfigKeys shipped = config_keys(config_, "fake", "a model");
  EXPECT_NE(config_keys(config_, "fake", "").answer, shipped.answer);
  EXPECT_NE(config_keys(config_, "fake", "another").answer, shipped.answer);
  EXPECT_EQ(config_keys(config_, "fake", "another").retrieval, shipped.retrieval);
  PipelineConfig other = config_;
  other.prompt.instructions = "Cite [1].";
  EXPECT_NE(config_keys(other, "fake", "a model").answer, shipped.answer);
}

} // namespace
} // namespace raglan::rag

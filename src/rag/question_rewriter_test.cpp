#include "rag/question_rewriter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rag/answer_stream.h"
#include "rag/fake_generator_test.h"
#include "rag/pipeline_fixture_test.h"

namespace raglan::rag {
namespace {

using model::ChatRole;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

constexpr std::string_view kSubject = "What does the vacuum command reclaim?";
constexpr std::string_view kFollowUp = "And when should I run it?";
constexpr std::string_view kRewritten = "When should I run the vacuum command?";
// Of kSubject and kFollowUp: what a search finds both by.
const std::string kBoth = std::string(kSubject) + '\n' + std::string(kFollowUp);

class QuestionRewriterTest : public PipelineTest {
 protected:
  QuestionRewriterTest() {
    store_.probes = true;
    generator_ = &writer_;
    writer_.rewritten = kRewritten;
    writer_.is_for_rewriting = [](const model::GenerationRequest& request) {
      return request.messages.back().text.contains("Last question: ");
    };
  }
  ~QuestionRewriterTest() override { end_loops(); }

  static QueryRequest follow_up(bool replaceable) {
    auto conversation = std::make_shared<Conversation>();
    conversation->history = {{ChatRole::kUser, std::string(kSubject)},
                             {ChatRole::kAssistant, "Storage [1]."}};
    conversation->replaceable = replaceable;
    QueryRequest request;
    request.query = kFollowUp;
    request.conversation = conversation;
    return request;
  }

  static QueryRequest alone(std::string_view text) {
    QueryRequest request;
    request.query = text;
    return request;
  }

  model::GenerationRequest last_request() {
    return writer_.last_request.with([](auto& last) { return last; });
  }

  FakeGenerator writer_;
};

TEST_F(QuestionRewriterTest, TheRewrittenQuestionIsAskedInTheConversationsPlace) {
  const auto reply = ask(follow_up(true));
  ASSERT_TRUE(reply) << reply.error().message;
  ASSERT_TRUE(reply->rewriting);
  EXPECT_EQ(reply->rewriting->question, kRewritten);
  EXPECT_TRUE(reply->rewriting->changed);
  EXPECT_EQ(reply->rewriting->by, RewrittenBy::kModel);
  EXPECT_EQ(reply->usage().prompt_tokens, 150U); // of both calls
  EXPECT_EQ(store_.last_search.query_text, "run the vacuum command");
  const auto asked = last_request();
  ASSERT_EQ(asked.messages.size(), 2U); // no conversation
  EXPECT_THAT(asked.messages[1].text, HasSubstr(std::string(kRewritten)));

  // So its answer is everybody's.
  const auto plain = ask(alone(kRewritten));
  EXPECT_EQ(plain->cache, CacheStatus::kHit);
  EXPECT_FALSE(plain->rewriting);
}

TEST_F(QuestionRewriterTest, TheModelIsToldTheConversation) {
  ASSERT_TRUE(ask(follow_up(true)));
  const auto asked = writer_.rewriting_request.with([](auto& last) { return last; });
  const std::string& text = asked.messages.back().text;
  EXPECT_THAT(text, HasSubstr("User: " + std::string(kSubject)));
  EXPECT_THAT(text, HasSubstr("Assistant: Storage [1]."));
  EXPECT_TRUE(text.ends_with("Last question: " + std::string(kFollowUp)));
}

TEST_F(QuestionRewriterTest, AnAnswerFromTheCacheHasTheRewritingsUsage) {
  ASSERT_TRUE(ask(alone(kRewritten)));
  const auto reply = ask(follow_up(true));
  EXPECT_EQ(reply->cache, CacheStatus::kHit);
  EXPECT_EQ(reply->usage().prompt_tokens, 50U);
  EXPECT_EQ(reply->usage().completion_tokens, 9U);
}

TEST_F(QuestionRewriterTest, AConversationThatIsTheModelsIsKeptAndTheRewrittenQuestionSearchedFor) {
  const auto reply = ask(follow_up(false));
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(store_.last_search.query_text, "run the vacuum command");
  const auto asked = last_request();
  ASSERT_EQ(asked.messages.size(), 4U);
  EXPECT_EQ(asked.messages[1].text, kSubject);
  EXPECT_THAT(asked.messages[3].text, HasSubstr("Question: " + std::string(kFollowUp)));
  EXPECT_EQ(ask(follow_up(false))->cache, CacheStatus::kHit);
  EXPECT_EQ(ask(alone(kRewritten))->cache, CacheStatus::kMiss);
}

TEST_F(QuestionRewriterTest, WhenTheModelFailsTheWordsHaveToDo) {
  writer_.rewriting_failure = Error{ErrorCode::kUnavailable, "out of order", ""};
  const auto reply = ask(follow_up(true));
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->rewriting->by, RewrittenBy::kWords);
  EXPECT_EQ(reply->rewriting->question, kBoth);
  EXPECT_EQ(store_.last_search.query_text, "the vacuum command reclaim And run it");
  EXPECT_EQ(last_request().messages.size(), 4U); // the conversation says the rest
  EXPECT_EQ(reply->answer->degraded_level, 0U);
}

TEST_F(QuestionRewriterTest, WhatIsNoQuestionDoesNotTakeItsPlace) {
  for (const std::string& written :
       {std::string(), std::string(" \n\t"), std::string(2'001, 'x'), std::string("\xff\xfe")}) {
    writer_.rewritten = written;
    const auto reply = ask(follow_up(true));
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->rewriting->by, RewrittenBy::kWords) << written.size();
  }
}

TEST_F(QuestionRewriterTest, OfWhatTheModelWritesTheFirstLineIsTheQuestion) {
  writer_.rewritten = "\n  \"When should I  run the vacuum command?\"\nIt should be run daily.";
  EXPECT_EQ(ask(follow_up(true))->rewriting->question, kRewritten);
}

TEST_F(QuestionRewriterTest, AQuestionThatStandsAloneIsAskedAsItIs) {
  writer_.rewritten = kFollowUp;
  const auto reply = ask(follow_up(true));
  EXPECT_FALSE(reply->rewriting->changed);
  EXPECT_EQ(ask(alone(kFollowUp))->cache, CacheStatus::kHit);
}

TEST_F(QuestionRewriterTest, WithoutAModelTheSubjectIsSearchedForAsWell) {
  generator_ = nullptr;
  const auto reply = ask(follow_up(true));
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->rewriting->question, kBoth);
  EXPECT_EQ(store_.last_search.query_text, "the vacuum command reclaim And run it");
  // It depends on what is searched for and asked, and not on who said what else.
  QueryRequest other = follow_up(true);
  auto conversation = std::make_shared<Conversation>(*other.conversation);
  conversation->history.back().text = "Another answer.";
  other.conversation = conversation;
  EXPECT_EQ(ask(other)->cache, CacheStatus::kHit);
  EXPECT_EQ(ask(alone(kFollowUp))->cache, CacheStatus::kMiss);
  EXPECT_EQ(ask(alone(kBoth))->cache, CacheStatus::kMiss);
}

TEST_F(QuestionRewriterTest, TheFirstQuestionNeedsNone) {
  QueryRequest first = follow_up(true);
  auto conversation = std::make_shared<Conversation>(*first.conversation);
  conversation->history = {{ChatRole::kSystem, "Be brief."}};
  first.conversation = conversation;
  EXPECT_FALSE(ask(first)->rewriting);
  EXPECT_EQ(writer_.calls, 1);
}

TEST_F(QuestionRewriterTest, WhatTheModelWroteIsRememberedForTheSameAfterTheSame) {
  ASSERT_TRUE(ask(follow_up(true)));
  const int calls = writer_.calls;
  QueryRequest cached = follow_up(true);
  cached.cache = CacheMode::kOnly;
  const auto again = ask(cached);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->cache, CacheStatus::kHit);
  EXPECT_EQ(again->rewriting->question, kRewritten);
  EXPECT_EQ(again->usage().prompt_tokens, 0U);
  EXPECT_EQ(writer_.calls, calls);

  QueryRequest anew = follow_up(true);
  anew.cache = CacheMode::kBypass;
  ASSERT_TRUE(ask(anew));
  EXPECT_EQ(writer_.calls, calls + 2);
  QueryRequest theirs = follow_up(true);
  theirs.collection.tenant = "other";
  ASSERT_TRUE(ask(theirs));
  EXPECT_EQ(writer_.calls, calls + 4);
  pipeline().forget_cached();
  ASSERT_TRUE(ask(follow_up(true)));
  EXPECT_EQ(writer_.calls, calls + 6);
}

TEST_F(QuestionRewriterTest, WhoWantsOnlyWhatIsCachedCausesNoCall) {
  QueryRequest cached = follow_up(true);
  cached.cache = CacheMode::kOnly;
  EXPECT_EQ(code_of(ask(cached)), ErrorCode::kNotCached);
  EXPECT_EQ(writer_.calls, 0);
}

TEST_F(QuestionRewriterTest, AStreamsQuestionIsRewrittenToo) {
  auto opened = start(pipeline().stream(follow_up(true))).get();
  ASSERT_TRUE(opened && std::holds_alternative<AnswerStream>(*opened));
  auto& stream = std::get<AnswerStream>(*opened);
  EXPECT_EQ(stream.outline().rewriting->question, kRewritten);
  const auto whole = start(stream.finish()).get();
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_EQ(whole->rewriting->question, kRewritten);
}

TEST_F(QuestionRewriterTest, TheModelHasItsOwnTimeAndAtMostTheRequests) {
  const auto time_given = [this](Duration left) {
    QueryRequest request = follow_up(true);
    request.cache = CacheMode::kBypass;
    request.deadline = Deadline::after(left, clock_.now());
    EXPECT_TRUE(ask(request));
    const auto asked = writer_.rewriting_request.with([](auto& last) { return last; });
    return asked.deadline.at() - clock_.now();
  };
  config_.follow_ups.timeout = seconds(3);
  EXPECT_EQ(time_given(seconds(30)), seconds(3));
  EXPECT_EQ(time_given(seconds(2)), seconds(2));
}

TEST_F(QuestionRewriterTest, WhileThereIsTooMuchToDoTheWordsHaveToDo) {
  auto overload = std::make_unique<Overload>(OverloadConfig(), Overload::OnDecision(), clock_);
  overload_ = overload.get();
  QueryRequest request = follow_up(true);
  request.tier = policy::Tier::kFree; // of whom less is made first
  overload->set_manual(1);
  const auto busy = ask(request);
  overload->set_manual(0);
  const auto idle = ask(request);
  overload->stop();
  end_loops();
  ASSERT_TRUE(busy && idle);
  EXPECT_EQ(busy->rewriting->by, RewrittenBy::kWords);
  EXPECT_EQ(idle->rewriting->by, RewrittenBy::kModel);
}

TEST_F(QuestionRewriterTest, SwitchedOffItIsTheQuestionThatIsSearchedFor) {
  config_.follow_ups.rewrite = FollowUpRewriting::kOff;
  EXPECT_FALSE(ask(follow_up(true))->rewriting);
  EXPECT_EQ(store_.last_search.query_text, "And run it");
}

TEST_F(QuestionRewriterTest, WhatItMayTakeIsPartOfWhatTheQuestionMayTake) {
  QueryRequest request = follow_up(true);
  const std::size_t with_rewriting = pipeline().most_tokens(request);
  pipeline_ = nullptr;
  config_.follow_ups.rewrite = FollowUpRewriting::kWords;
  EXPECT_GT(with_rewriting, pipeline().most_tokens(request) + 96);
}

} // namespace
} // namespace raglan::rag

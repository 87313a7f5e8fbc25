#include "model/openai_chat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/json/parse.hpp>

#include "http/sse.h"

namespace raglan::model {
namespace {

namespace json = boost::json;
using testing::HasSubstr;

std::string event(std::string_view data) { return http::format_event("", data); }

std::string piece(std::string_view text) {
  return event(R"({"choices":[{"index":0,"delta":{"content":")" + std::string(text) +
               R"("},"finish_reason":null}]})");
}

std::string end(std::string_view reason) {
  return event(R"({"choices":[{"index":0,"delta":{},"finish_reason":")" + std::string(reason) +
               R"("}]})");
}

struct Read {
  std::string shown;
  Result<Generation> made;
};

Read read(std::string_view stream, std::size_t portion = 7, std::size_t max_bytes = 1'000) {
  ChatReader reader(max_bytes);
  Read result{{}, Generation()};
  const Generator::OnText show = [&](std::string_view text) { result.shown += text; };
  for (std::size_t at = 0; at < stream.size(); at += portion) {
    if (auto ok = reader.feed(stream.substr(at, portion), show); !ok) {
      result.made = forward_error(ok);
      return result;
    }
  }
  result.made = reader.finish();
  return result;
}

TEST(ChatReader, ReadsTextReasonAndUsage) {
  const std::string stream =
      event(R"({"choices":[{"index":0,"delta":{"role":"assistant"}}]})") + piece("Hello, ") +
      piece("w\\u00f6rld.") + end("stop") +
      event(R"({"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3}})") +
      event("[DONE]");
  for (const std::size_t portion : {1, 7, 5'000}) {
    const Read result = read(stream, portion);
    ASSERT_TRUE(result.made) << result.made.error().message;
    EXPECT_EQ(result.made->text, "Hello, wörld.");
    EXPECT_EQ(result.shown, result.made->text);
    EXPECT_EQ(result.made->finish, FinishReason::kStop);
    EXPECT_EQ(result.made->usage.prompt_tokens, 9U);
    EXPECT_EQ(result.made->usage.completion_tokens, 3U);
  }
}

TEST(ChatReader, KnowsTheReasonsToFinish) {
  EXPECT_EQ(read(piece("x") + end("length")).made->finish, FinishReason::kLength);
  EXPECT_EQ(read(piece("x") + end("content_filter")).made->finish, FinishReason::kContentFilter);
  EXPECT_EQ(read(piece("x") + end("eos")).made->finish, FinishReason::kStop);
}

TEST(ChatReader, AnEndBeforeTheModelHasFinishedIsCutShort) {
  EXPECT_EQ(read(piece("x")).made.error().code, ErrorCode::kUpstream);
  EXPECT_EQ(read(piece("x") + event("[DONE]")).made.error().code, ErrorCode::kUpstream);
  EXPECT_EQ(read("").made.error().code, ErrorCode::kUpstream);
  EXPECT_TRUE(read(piece("x") + end("stop")).made); // some servers send no [DONE]
}

TEST(ChatReader, NonsenseAndErrorsAreTheProvidersFault) {
  for (const std::string& stream :
       {event("<html>"), event("[1]"), event(R"({"error":{"message":"private"}})"),
        piece("x") + event(R"({"error":{"message":"private"}})")}) {
    const Read result = read(stream);
    ASSERT_FALSE(result.made);
    EXPECT_EQ(result.made.error().code, ErrorCode::kUpstream);
    EXPECT_THAT(result.made.error().message, testing::Not(HasSubstr("private")));
  }
}

TEST(ChatReader, OtherChoicesAndWhatIsNoTextAreLeftOut) {
  const std::string stream =
      event(R"({"choices":[{"index":1,"delta":{"content":"other"}}]})") +
      event(R"({"choices":[{"index":0,"delta":{"reasoning_content":"hm","content":null}}]})") +
      event(R"({"choices":"none"})") + event(R"({"usage":null})") + piece("x") + end("stop");
  EXPECT_EQ(read(stream).made->text, "x");
}

TEST(ChatReader, AnAnswerIsBounded) {
  const std::string ten = piece("0123456789");
  EXPECT_TRUE(read(ten + end("stop"), 7, 200).made);
  std::string many;
  for (int i = 0; i < 21; ++i) many += ten;
  EXPECT_FALSE(read(many + end("stop"), 7, 200).made);
  EXPECT_FALSE(read("data: " + std::string(1'000, 'x'), 7, 200).made);
}

TEST(ChatRequest, HasMessagesSamplingAndAsksForAStreamWithUsage) {
  GenerationRequest request{.messages = {{ChatRole::kSystem, "Be \"brief\"."},
                                         {ChatRole::kUser, "Hi"},
                                         {ChatRole::kAssistant, "Yes?"}},
                            .max_tokens = 5};
  const json::value plain = json::parse(chat_request("m", request));
  EXPECT_EQ(plain.at("messages").at(0).at("content"), "Be \"brief\".");
  EXPECT_EQ(plain.at("messages").at(2).at("role"), "assistant");
  EXPECT_EQ(plain.at("max_tokens"), 5);
  EXPECT_EQ(plain.at("stream"), true);
  EXPECT_EQ(plain.at("stream_options").at("include_usage"), true);
  EXPECT_FALSE(plain.as_object().contains("temperature"));
  request.sampling = {.temperature = 0.5, .seed = 7, .stop = {"\n"}};
  const json::value sampled = json::parse(chat_request("m", request));
  EXPECT_EQ(sampled.at("temperature"), 0.5);
  EXPECT_EQ(sampled.at("seed"), 7);
  EXPECT_EQ(sampled.at("stop").at(0), "\n");
}

TEST(ChatRequest, SpeaksTheDialectOfItsProvider) {
  const GenerationRequest request{.max_tokens = 5};
  const ChatDialect dialect{.max_tokens_field = ChatDialect::MaxTokens::kMaxCompletionTokens,
                            .stream_usage = false};
  const json::value body = json::parse(chat_request("m", request, dialect));
  EXPECT_EQ(body.at("max_completion_tokens"), 5);
  EXPECT_FALSE(body.as_object().contains("max_tokens"));
  EXPECT_FALSE(body.as_object().contains("stream_options"));
}

} // namespace
} // namespace raglan::model

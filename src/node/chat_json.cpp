#include "node/chat_json.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/json_text.h"
#include "base/percent_code.h"
#include "node/reply_json.h"
#include "rag/citations.h"

namespace raglan::node {
namespace json = boost::json;
namespace {

constexpr std::string_view kNoModel =
    "The language model cannot be asked at the moment. These passages are the nearest to the "
    "question:";

// OpenAI's offsets count characters.
class Characters {
 public:
  explicit Characters(std::string_view text) : text_(text) {}
  // `bytes` never goes back.
  std::size_t before(std::size_t bytes) {
    for (; at_ < bytes; ++at_) count_ += (text_[at_] & 0xC0) != 0x80 ? 1 : 0;
    return count_;
  }

 private:
  const std::string_view text_;
  std::size_t at_ = 0;
  std::size_t count_ = 0;
};

// A source without an address of its own has one here.
std::string url_of(const rag::Source& source) {
  if (!source.uri.empty()) return source.uri;
  return "/v1/documents/" + percent_encode(source.document_id);
}

json::array annotations(std::string_view content, const rag::Answer& answer) {
  json::array list;
  Characters characters(content);
  for (const rag::Citation& citation : rag::find_citations(content, answer.sources.size())) {
    const rag::Source& source = answer.sources[citation.n - 1];
    const std::size_t start = characters.before(citation.start);
    const std::size_t end = characters.before(citation.end);
    list.push_back({{"type", "url_citation"},
                    {"url_citation",
                     {{"start_index", start},
                      {"end_index", end},
                      {"title", source.title},
                      {"url", url_of(source)}}}});
  }
  return list;
}

std::string_view finish_reason(const rag::Answer& answer) {
  return model::finish_reason_name(answer.author ? answer.author->finish
                                                 : model::FinishReason::kStop);
}

json::object usage_json(const rag::QueryReply& reply) {
  const rag::ReplyUsage usage = reply.usage();
  return {{"prompt_tokens", usage.prompt_tokens},
          {"completion_tokens", usage.completion_tokens},
          {"total_tokens", usage.prompt_tokens + usage.completion_tokens}};
}

json::object envelope(const ChatIdentity& identity, std::string_view object, json::array choices) {
  return {{"id", identity.id},
          {"object", object},
          {"created", identity.created},
          {"model", identity.model},
          {"choices", std::move(choices)}};
}

// The object's text with one more field, whose JSON is there already.
std::string with_field(const json::object& object, std::string_view name, std::string_view value) {
  std::string text = json_text(object);
  text.pop_back();
  return text.append(",\"").append(name).append("\":").append(value).append("}");
}

json::object chunk(const ChatIdentity& identity, json::object delta, json::value finish) {
  json::object choice{{"index", 0},
                      {"delta", std::move(delta)},
                      {"logprobs", nullptr},
                      {"finish_reason", std::move(finish)}};
  json::array choices;
  choices.push_back(std::move(choice));
  return envelope(identity, "chat.completion.chunk", std::move(choices));
}

} // namespace

ChatIdentity chat_identity(const rag::QueryReply& reply, WallTime now) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch());
  const auto& author = reply.answer->author;
  return {"chatcmpl-" + reply.id, seconds.count(),
          author ? author->model : std::string(kChatModel)};
}

std::string chat_content(const rag::Answer& answer) {
  if (answer.text) return *answer.text;
  std::string content(kNoModel);
  for (const rag::Source& source : answer.sources) {
    content += fmt::format("\n\n[{}] {}\n{}", source.n, source.title, source.text);
  }
  return content;
}

std::string chat_completion_text(const ChatIdentity& identity, const rag::QueryReply& reply) {
  const rag::Answer& answer = *reply.answer;
  const std::string content = chat_content(answer);
  json::object message{{"role", "assistant"},
                       {"content", content},
                       {"refusal", nullptr},
                       {"annotations", annotations(content, answer)}};
  json::object choice{{"index", 0},
                      {"message", std::move(message)},
                      {"logprobs", nullptr},
                      {"finish_reason", finish_reason(answer)}};
  json::array choices;
  choices.push_back(std::move(choice));
  json::object object = envelope(identity, "chat.completion", std::move(choices));
  object["usage"] = usage_json(reply);
  return with_field(object, "raglan", reply_text(reply, false));
}

std::string chat_role_chunk(const ChatIdentity& identity) {
  json::object delta{{"role", "assistant"}, {"content", ""}};
  return json_text(chunk(identity, std::move(delta), nullptr));
}

std::string chat_text_chunk(const ChatIdentity& identity, std::string_view text) {
  json::object delta{{"content", text}};
  return json_text(chunk(identity, std::move(delta), nullptr));
}

std::string chat_end_chunk(const ChatIdentity& identity, const rag::QueryReply& reply) {
  const rag::Answer& answer = *reply.answer;
  json::object delta{{"annotations", annotations(chat_content(answer), answer)}};
  const json::object last = chunk(identity, std::move(delta), json::value(finish_reason(answer)));
  return with_field(last, "raglan", reply_text(reply, false));
}

std::string chat_usage_chunk(const ChatIdentity& identity, const rag::QueryReply& reply) {
  json::object object = envelope(identity, "chat.completion.chunk", json::array());
  object["usage"] = usage_json(reply);
  return json_text(object);
}

} // namespace raglan::node

#include "loadtest/provider_replies.h"

#include <algorithm>
#include <limits>
#include <ranges>

#include <fmt/format.h>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "base/json_text.h"
#include "loadtest/provider_answers.h"
#include "model/openai_embeddings.h"

namespace raglan::loadtest {
namespace json = boost::json;
namespace {

constexpr std::string_view kHtml = "<html><body>Bad gateway</body></html>";
constexpr std::size_t kMaxDimensions = 16'384;

Result<json::object> parse_object(std::string_view body) {
  boost::system::error_code failure;
  json::value value = json::parse(body, failure);
  if (failure || !value.is_object()) {
    return fail(ErrorCode::kMalformedRequest, "the body is not a JSON object");
  }
  return std::move(value.get_object());
}

std::string string_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

bool is_true(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value && value->is_bool() && value->get_bool();
}

// The texts point into `input`.
Result<std::vector<std::string_view>> texts_of(const json::value* input) {
  const auto wrong = [] {
    return fail(ErrorCode::kInvalidField, "'input' must be a text or texts, none empty", "input");
  };
  std::vector<std::string_view> texts;
  const auto add = [&](const json::value& text) {
    if (!text.is_string() || text.get_string().empty()) return false;
    texts.emplace_back(text.get_string());
    return true;
  };
  if (!input) return wrong();
  const json::array* array = input->if_array();
  const bool good = array ? std::ranges::all_of(*array, add) : add(*input);
  if (!good || texts.empty()) return wrong();
  return texts;
}

Result<std::size_t> dimension_of(const json::object& request, const ProviderBehaviour& behaviour) {
  const json::value* asked = request.if_contains("dimensions");
  if (!asked) return behaviour.dimensions;
  const std::int64_t* number = asked->if_int64();
  if (!number || *number < 1 || *number > static_cast<std::int64_t>(kMaxDimensions)) {
    return fail(ErrorCode::kInvalidField, "'dimensions' is out of range", "dimensions");
  }
  return static_cast<std::size_t>(*number);
}

// The reply as a provider that is broken in this way would send it.
json::object with_fault(ProviderFault fault, const json::object& reply) {
  json::object broken = reply;
  json::array& data = broken["data"].as_array();
  if (fault == ProviderFault::kWrongCount) data.pop_back();
  if (fault == ProviderFault::kShuffled) std::ranges::reverse(data);
  if (fault == ProviderFault::kWrongIndex) {
    std::size_t index = 0;
    for (json::value& entry : data) entry.as_object()["index"] = ++index;
  }
  return broken;
}

json::object usage_json(const ChatAnswer& answer) {
  const std::size_t made = answer.pieces.size();
  return {{"prompt_tokens", answer.prompt_tokens},
          {"completion_tokens", made},
          {"total_tokens", answer.prompt_tokens + made}};
}

std::string chunk(const ChatAnswer& answer, json::array choices, json::value usage) {
  json::object object{{"id", "chatcmpl-stand-in"},
                      {"object", "chat.completion.chunk"},
                      {"created", 0},
                      {"model", answer.model},
                      {"choices", std::move(choices)}};
  if (!usage.is_null()) object["usage"] = std::move(usage);
  return json_text(object);
}

json::value finish_reason(const ChatAnswer& answer) { return answer.cut ? "length" : "stop"; }

} // namespace

Result<EmbeddingsAnswer> answer_embeddings(const ProviderBehaviour& behaviour,
                                           std::string_view request) {
  auto body = parse_object(request);
  if (!body) return forward_error(body);
  auto texts = texts_of(body->if_contains("input"));
  if (!texts) return forward_error(texts);
  auto dimension = dimension_of(*body, behaviour);
  if (!dimension) return forward_error(dimension);
  EmbeddingsAnswer answer{.texts = texts->size()};
  for (const std::string_view text : *texts) answer.tokens += stand_in_tokens(text);
  if (answer.texts > behaviour.max_batch_texts || answer.tokens > behaviour.max_batch_tokens) {
    return fail(ErrorCode::kInvalidField, "'input' has more than one call takes", "input");
  }
  const bool base64 = string_of(*body, "encoding_format") == "base64";
  if (behaviour.fault == ProviderFault::kWrongDimension) ++*dimension;
  model::Embeddings made{*dimension, {}, answer.tokens};
  for (const std::string_view text : *texts) {
    const auto vector = stand_in_vector(text, *dimension);
    made.values.insert(made.values.end(), vector.begin(), vector.end());
    if (behaviour.fault == ProviderFault::kNotFinite) {
      made.values.back() = std::numeric_limits<float>::quiet_NaN();
    }
  }
  const json::object reply = model::embeddings_reply(made, string_of(*body, "model"), base64);
  answer.body = damaged(behaviour.fault, json_text(with_fault(behaviour.fault, reply)));
  return answer;
}

Result<ChatAnswer> answer_chat(std::string_view request) {
  auto body = parse_object(request);
  if (!body) return forward_error(body);
  const json::value* messages = body->if_contains("messages");
  if (!messages || !messages->is_array()) {
    return fail(ErrorCode::kInvalidField, "'messages' must be an array", "messages");
  }
  auto pieces = stand_in_chat(messages->get_array());
  if (!pieces) return forward_error(pieces);
  ChatAnswer answer{.model = string_of(*body, "model"),
                    .pieces = std::move(*pieces),
                    .prompt_tokens = stand_in_tokens(chat_prompt(messages->get_array())),
                    .stream = is_true(*body, "stream")};
  for (const std::string_view name : {"max_tokens", "max_completion_tokens"}) {
    const json::value* limit = body->if_contains(name);
    if (!limit || !limit->is_int64() || limit->get_int64() < 0) continue;
    const auto tokens = static_cast<std::size_t>(limit->get_int64());
    answer.cut = answer.pieces.size() > tokens;
    if (answer.cut) answer.pieces.resize(tokens);
  }
  const json::value* options = body->if_contains("stream_options");
  answer.stream_usage =
      options && options->is_object() && is_true(options->get_object(), "include_usage");
  return answer;
}

std::string chat_body(const ChatAnswer& answer) {
  std::string text;
  for (const std::string& piece : answer.pieces) text += piece;
  return json_text(
      {{"id", "chatcmpl-stand-in"},
       {"object", "chat.completion"},
       {"created", 0},
       {"model", answer.model},
       {"choices", json::array{{{"index", 0},
                                {"message", {{"role", "assistant"}, {"content", text}}},
                                {"finish_reason", finish_reason(answer)}}}},
       {"usage", usage_json(answer)}});
}

std::string chat_piece(const ChatAnswer& answer, std::size_t n) {
  json::object delta{{"content", answer.pieces[n]}};
  if (n == 0) delta["role"] = "assistant";
  const json::object choice{{"index", 0}, {"delta", std::move(delta)}, {"finish_reason", nullptr}};
  return chunk(answer, json::array({choice}), nullptr);
}

std::string chat_end(const ChatAnswer& answer) {
  const json::object choice{
      {"index", 0}, {"delta", json::object()}, {"finish_reason", finish_reason(answer)}};
  return chunk(answer, json::array({choice}), nullptr);
}

std::string chat_usage(const ChatAnswer& answer) {
  return chunk(answer, json::array(), usage_json(answer));
}

std::string damaged(ProviderFault fault, std::string body) {
  if (fault == ProviderFault::kInvalidJson) return std::string(kHtml);
  if (fault == ProviderFault::kTruncated) body.resize(body.size() / 2);
  return body;
}

} // namespace raglan::loadtest

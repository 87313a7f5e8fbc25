#include <algorithm>
#include <memory>
#include <utility>

#include <fmt/format.h>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "node/chat_json.h"
#include "node/json_fields.h"
#include "node/query_json.h"

namespace raglan::node {
namespace json = boost::json;
namespace {

constexpr std::size_t kMaxStops = 4; // OpenAI's own limit
constexpr std::size_t kMaxStopBytes = 256;
constexpr std::int64_t kMaxAnswerTokens = 1'000'000;

// The text of a message: a string, or parts of which all are text.
std::optional<std::string> text_of(const json::value* content) {
  if (!content) return std::nullopt;
  if (const json::string* text = content->if_string()) return std::string(*text);
  const json::array* parts = content->if_array();
  if (!parts) return std::nullopt;
  std::string all;
  for (const json::value& part : *parts) {
    const json::object* object = part.if_object();
    const json::value* type = object ? object->if_contains("type") : nullptr;
    const json::value* text = object ? object->if_contains("text") : nullptr;
    if (!type || !text || *type != "text" || !text->is_string()) return std::nullopt;
    if (!all.empty()) all += '\n';
    all += text->get_string();
  }
  return all;
}

Result<model::ChatMessage> parse_message(const json::value& value, const std::string& pointer) {
  JsonFields fields(value, pointer);
  const std::size_t role =
      fields.choice("role", {"", "system", "developer", "user", "assistant"}, 0);
  if (role == 0) fields.reject("role", "'role' must be one of: system, developer, user, assistant");
  auto text = text_of(fields.value("content"));
  if (!text) fields.reject("content", "'content' must be text");
  if (text && text->size() > kMaxChatMessageBytes) {
    fields.reject("content",
                  fmt::format("'content' is longer than {} bytes", kMaxChatMessageBytes));
  }
  // What an answer of ours, sent back as part of the conversation, has besides.
  for (const std::string_view ours :
       {"name", "refusal", "annotations", "audio", "tool_calls", "function_call"}) {
    fields.value(ours);
  }
  if (auto ok = fields.finish(); !ok) return forward_error(ok);
  const auto chat_role = role <= 2   ? model::ChatRole::kSystem
                         : role == 3 ? model::ChatRole::kUser
                                     : model::ChatRole::kAssistant;
  return model::ChatMessage{chat_role, std::move(*text)};
}

// The conversation, and its last message as the question.
void parse_messages(JsonFields& fields, rag::Conversation& conversation, std::string& question) {
  const json::value* messages = fields.value("messages");
  const json::array* list = messages ? messages->if_array() : nullptr;
  if (!list || list->empty() || list->size() > kMaxChatMessages) {
    return fields.reject("messages",
                         fmt::format("'messages' must hold 1 to {} messages", kMaxChatMessages));
  }
  for (std::size_t i = 0; i < list->size(); ++i) {
    auto message =
        parse_message((*list)[i], fmt::format("{}/{}", fields.pointer_to("messages"), i));
    if (!message) return fields.reject_with(std::move(message.error()));
    conversation.history.push_back(std::move(*message));
  }
  model::ChatMessage last = std::move(conversation.history.back());
  conversation.history.pop_back();
  if (last.role != model::ChatRole::kUser) {
    return fields.reject("messages", "the last message must be the user's: it is the question");
  }
  if (last.text.size() > kMaxQueryBytes ||
      last.text.find_first_not_of(" \t\r\n\f\v") == std::string::npos) {
    return fields.reject("messages",
                         fmt::format("the question must have 1 to {} bytes", kMaxQueryBytes));
  }
  question = std::move(last.text);
}

void parse_stops(JsonFields& fields, std::vector<std::string>& stops) {
  const json::value* stop = fields.value("stop");
  if (!stop) return;
  const json::array one{*stop};
  const json::array& list = stop->is_array() ? stop->get_array() : one;
  for (const json::value& text : list) {
    if (!text.is_string() || text.get_string().empty() ||
        text.get_string().size() > kMaxStopBytes || stops.size() == kMaxStops) {
      return fields.reject("stop", fmt::format("'stop' must be 1 to {} texts", kMaxStops));
    }
    stops.emplace_back(text.get_string());
  }
}

model::Sampling parse_sampling(JsonFields& fields) {
  model::Sampling sampling;
  sampling.temperature = fields.optional_number("temperature", 0, 2);
  sampling.top_p = fields.optional_number("top_p", 0, 1);
  sampling.presence_penalty = fields.optional_number("presence_penalty", -2, 2);
  sampling.frequency_penalty = fields.optional_number("frequency_penalty", -2, 2);
  sampling.seed = fields.optional_integer("seed", INT64_MIN, INT64_MAX);
  parse_stops(fields, sampling.stop);
  return sampling;
}

// Fields that change nothing about an answer, and those that may only say what is so anyway.
void parse_rest(JsonFields& fields) {
  for (const std::string_view ignored :
       {"user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key",
        "prompt_cache_retention"}) {
    fields.value(ignored);
  }
  fields.integer("n", 1, 1, 1);
  if (fields.boolean("logprobs", false)) fields.reject("logprobs", "'logprobs' is not supported");
  if (const json::value* format = fields.value("response_format")) {
    const json::object text{{"type", "text"}};
    if (*format != text) fields.reject("response_format", "only text is supported");
  }
  if (const json::value* modalities = fields.value("modalities")) {
    if (*modalities != json::array{"text"}) fields.reject("modalities", "only text is supported");
  }
  for (const std::string_view empty : {"tools", "functions"}) {
    const json::value* list = fields.value(empty);
    const bool none = !list || (list->is_array() && list->get_array().empty());
    if (!none) fields.reject(empty, fmt::format("'{}' are not supported", empty));
  }
}

// A collection that the model's name names, or none.
std::optional<std::string> parse_model(JsonFields& fields, std::string_view generator) {
  const std::string model = fields.string("model", kChatModel, kMaxNameBytes + kChatModel.size());
  if (model == kChatModel || (!generator.empty() && model == generator)) return std::nullopt;
  const std::string prefix = std::string(kChatModel) + '/';
  if (model.starts_with(prefix)) return model.substr(prefix.size());
  fields.reject_with({ErrorCode::kNotFound,
                      fmt::format("there is no model of that name; ask for '{}'", kChatModel),
                      "model"});
  return std::nullopt;
}

} // namespace

Result<ParsedChat> parse_chat(std::string_view body, const std::string& tenant,
                              std::uint32_t default_top_k, std::string_view generator) {
  auto value = parse_json_body(body);
  if (!value) return forward_error(value);
  JsonFields fields(*value, "");
  ParsedChat parsed;
  auto conversation = std::make_shared<rag::Conversation>();
  const auto named = parse_model(fields, generator);
  parsed.request = parse_parameters(fields, tenant, default_top_k);
  if (named && is_valid_name(*named)) parsed.request.collection.name = *named;
  if (named && !is_valid_name(*named)) fields.reject("model", "not a valid collection name");
  parse_messages(fields, *conversation, parsed.request.query);
  conversation->sampling = parse_sampling(fields);
  for (const std::string_view name : {"max_tokens", "max_completion_tokens"}) {
    const auto tokens = fields.optional_integer(name, 1, kMaxAnswerTokens);
    if (tokens) conversation->max_tokens = static_cast<std::size_t>(*tokens);
  }
  parsed.stream = fields.boolean("stream", false);
  if (const json::value* options = fields.value("stream_options")) {
    JsonFields of_stream(*options, fields.pointer_to("stream_options"));
    parsed.stream_usage = of_stream.boolean("include_usage", false);
    of_stream.boolean("include_obfuscation", false);
    if (auto ok = of_stream.finish(); !ok) fields.reject_with(std::move(ok.error()));
  }
  parse_rest(fields);
  if (auto ok = fields.finish(); !ok) return forward_error(ok);
  if (*conversation != rag::Conversation()) parsed.request.conversation = std::move(conversation);
  return parsed;
}

} // namespace raglan::node

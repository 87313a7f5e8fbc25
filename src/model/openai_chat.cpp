#include "model/openai_chat.h"

#include <algorithm>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "base/json_text.h"

namespace raglan::model {
namespace json = boost::json;
namespace {

constexpr std::string_view kDone = "[DONE]";

std::unexpected<Error> bad_answer(std::string_view what) {
  return fail(ErrorCode::kUpstream, std::string("the generation provider's answer ").append(what));
}

const json::value* member(const json::value& value, std::string_view name) {
  const json::object* object = value.if_object();
  return object ? object->if_contains(name) : nullptr;
}

const json::value* first_choice(const json::value& chunk) {
  const json::value* choices = member(chunk, "choices");
  const json::array* list = choices ? choices->if_array() : nullptr;
  if (!list || list->empty()) return nullptr;
  for (const json::value& choice : *list) {
    const json::value* index = member(choice, "index");
    if (!index || (index->is_int64() && index->get_int64() == 0)) return &choice;
  }
  return nullptr;
}

std::string_view text_of(const json::value& choice) {
  const json::value* delta = member(choice, "delta");
  const json::value* content = delta ? member(*delta, "content") : nullptr;
  const json::string* text = content ? content->if_string() : nullptr;
  return text ? std::string_view(*text) : std::string_view();
}

std::optional<FinishReason> finish_of(const json::value& choice) {
  const json::value* reason = member(choice, "finish_reason");
  const json::string* name = reason ? reason->if_string() : nullptr;
  if (!name) return std::nullopt;
  for (const FinishReason known : {FinishReason::kLength, FinishReason::kContentFilter}) {
    if (*name == finish_reason_name(known)) return known;
  }
  return FinishReason::kStop;
}

std::size_t count_of(const json::value& usage, std::string_view name) {
  const json::value* count = member(usage, name);
  constexpr std::int64_t kMost = 100'000'000; // more is nonsense
  if (!count || !count->is_int64()) return 0;
  return static_cast<std::size_t>(std::clamp<std::int64_t>(count->get_int64(), 0, kMost));
}

void add_sampling(json::object& body, const Sampling& sampling) {
  if (sampling.temperature) body["temperature"] = *sampling.temperature;
  if (sampling.top_p) body["top_p"] = *sampling.top_p;
  if (sampling.presence_penalty) body["presence_penalty"] = *sampling.presence_penalty;
  if (sampling.frequency_penalty) body["frequency_penalty"] = *sampling.frequency_penalty;
  if (sampling.seed) body["seed"] = *sampling.seed;
  if (!sampling.stop.empty())
    body["stop"] = json::array(sampling.stop.begin(), sampling.stop.end());
}

} // namespace

std::string_view finish_reason_name(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop: return "stop";
    case FinishReason::kLength: return "length";
    case FinishReason::kContentFilter: return "content_filter";
  }
  return "stop";
}

std::string_view chat_role_name(ChatRole role) {
  switch (role) {
    case ChatRole::kSystem: return "system";
    case ChatRole::kUser: return "user";
    case ChatRole::kAssistant: return "assistant";
  }
  return "user";
}

std::string chat_request(std::string_view model, const GenerationRequest& request,
                         const ChatDialect& dialect) {
  using MaxTokens = ChatDialect::MaxTokens;
  json::array messages;
  messages.reserve(request.messages.size());
  for (const ChatMessage& message : request.messages) {
    messages.push_back({{"role", chat_role_name(message.role)}, {"content", message.text}});
  }
  json::object body{{"model", model}, {"messages", std::move(messages)}, {"stream", true}};
  body[dialect.max_tokens_field == MaxTokens::kMaxTokens ? "max_tokens" : "max_completion_tokens"] =
      request.max_tokens;
  if (dialect.stream_usage) body["stream_options"] = {{"include_usage", true}};
  add_sampling(body, request.sampling);
  return json_text(body);
}

Result<> ChatReader::feed(std::string_view bytes, const Generator::OnText& on_text) {
  for (const http::SseEvent& event : events_.feed(bytes)) {
    if (auto ok = read_event(event.data, on_text); !ok) return ok;
  }
  if (events_.overflowed()) return bad_answer("has an event that is too long");
  return {};
}

Result<> ChatReader::read_event(std::string_view data, const Generator::OnText& on_text) {
  if (done_) return {};
  if (data == kDone) {
    done_ = true;
    return {};
  }
  json::monotonic_resource memory;
  boost::system::error_code failure;
  const json::value chunk = json::parse(data, failure, &memory);
  if (failure || !chunk.is_object()) return bad_answer("has an event that is not JSON");
  if (const json::value* error = member(chunk, "error"); error && !error->is_null()) {
    return bad_answer("ends in an error");
  }
  if (const json::value* usage = member(chunk, "usage"); usage && usage->is_object()) {
    made_.usage = {count_of(*usage, "prompt_tokens"), count_of(*usage, "completion_tokens")};
  }
  const json::value* choice = first_choice(chunk);
  if (!choice) return {};
  if (const std::string_view text = text_of(*choice); !text.empty()) {
    if (made_.text.size() + text.size() > max_bytes_) return bad_answer("is too long");
    made_.text += text;
    on_text(text);
  }
  if (const auto finish = finish_of(*choice)) {
    made_.finish = *finish;
    finished_ = true;
  }
  return {};
}

Result<Generation> ChatReader::finish() {
  if (!finished_) return bad_answer("was cut short");
  return std::move(made_);
}

} // namespace raglan::model

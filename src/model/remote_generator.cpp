#include "model/remote_generator.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "http/sse.h"
#include "model/provider_address.h"
#include "model/token_estimate.h"
#include "net/pause.h"

namespace raglan::model {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kKind = "generation";

std::size_t prompt_tokens(const GenerationRequest& request) {
  std::size_t tokens = 0;
  for (const ChatMessage& message : request.messages) tokens += estimate_tokens(message.text);
  return tokens;
}

http::ClientConfig client_config(const RemoteGeneratorConfig& config) {
  http::ClientConfig client;
  client.max_connections_per_host = config.max_connections;
  client.connect_timeout = std::min(client.connect_timeout, config.stall_timeout);
  client.write_timeout = client.answer_timeout = client.body_timeout = config.stall_timeout;
  client.ca_file = config.ca_file;
  // A stream's framing takes many times the bytes of its text.
  client.limits.max_body_bytes = 256 * RemoteGenerator::kMaxAnswerBytes;
  return client;
}

} // namespace

void describe(config::Table<RemoteGeneratorConfig>& table) {
  using C = RemoteGeneratorConfig;
  table
      .field("base_url", &C::base_url,
             "of a provider's API, with its version; /chat/completions is put behind it")
      .must("be an http or https URL without a query", is_base_url);
  table.field("model", &C::model, "the provider's name for it");
  table.field("api_key", &C::api_key, "of a provider; none is sent when empty");
  table
      .field("timeout", &C::timeout,
             "of one answer in all; shorter than server.request_timeout, so that the passages can "
             "be the reply without it")
      .min(milliseconds(1))
      .max(std::chrono::minutes(60));
  table
      .field("stall_timeout", &C::stall_timeout,
             "for a connection, for an answer to begin, and between two pieces of it")
      .min(milliseconds(1))
      .max(std::chrono::minutes(10));
  table
      .field("max_connections", &C::max_connections,
             "to a provider at a time, and so answers under way; others wait")
      .min(1)
      .max(10'000);
  table
      .field(
          "weight", &C::weight,
          "its share of the answers when models are chosen by weight; 0: only when all others fail")
      .min(0)
      .max(1'000'000);
  using MaxTokens = ChatDialect::MaxTokens;
  table.choice("max_tokens_field", &C::max_tokens_field,
               "under which name the most tokens of an answer are told; some models of OpenAI take "
               "only the second",
               {{"max_tokens", MaxTokens::kMaxTokens},
                {"max_completion_tokens", MaxTokens::kMaxCompletionTokens}});
  table.field("stream_usage", &C::stream_usage,
              "whether the counts of tokens are asked for (stream_options); a few servers refuse "
              "the field, and what their answers cost is then estimated");
  table.field("ca_file", &C::ca_file, "PEM file of the certificates to trust; empty: the system's");
}

RemoteGenerator::RemoteGenerator(RemoteGeneratorConfig config, const ProviderPolicies& policies,
                                 net::EventLoops& loops, Observer observer, const Clock& clock)
    : config_(std::move(config)),
      clock_(clock),
      id_(config_.id.empty() ? provider_model_id(config_.model, config_.base_url) : config_.id),
      on_usage_(std::move(observer.on_usage)),
      gate_(kKind, policies, std::move(observer.on_call), clock),
      client_(client_config(config_), loops, clock) {}

net::Task<Result<Generation>> RemoteGenerator::generate(GenerationRequest request, OnText on_text) {
  const std::string body = chat_request(
      config_.model, request, ChatDialect{config_.max_tokens_field, config_.stream_usage});
  ProviderCall call(gate_,
                    {.max_attempts = kMaxAttempts,
                     .attempt_timeout = config_.stall_timeout,
                     .deadline = request.deadline,
                     .last_resort = request.last_resort,
                     .tokens = static_cast<double>(request.max_tokens + prompt_tokens(request)),
                     .tier = request.tier});
  std::optional<Result<Generation>> last;
  std::optional<Deadline> until; // of all attempts together
  while (true) {
    auto hold = call.hold();
    // What the provider did says more than that it is left alone from here on.
    const bool left_alone = !hold && hold.error().code == ErrorCode::kUnavailable;
    if (!hold) co_return left_alone&& last ? std::move(*last) : forward_error(hold);
    if (*hold > Duration::zero()) {
      const MonotonicTime began = clock_.now();
      if (auto ok = co_await wait_for_turn(request, *hold); !ok) co_return forward_error(ok);
      // The provider's time is not what its quota costs.
      if (until)
        until = Deadline(std::min(request.deadline.at(), until->at() + (clock_.now() - began)));
      continue;
    }
    auto attempt = call.begin();
    if (!attempt) co_return last ? std::move(*last) : forward_error(attempt);
    if (!until) until = request.deadline.capped(config_.timeout, clock_.now());
    std::string code;
    ProviderOutcome<Generation> came =
        co_await ask(body, {request.deadline, *until}, on_text, code);
    if (came.made) came.answer.tokens = count_usage(request, *came.made);
    attempt->report(code, came.answer);
    last = std::move(came.made);
    const auto wait = call.retry_after(came.next);
    const bool in_time = wait && until->allows(*wait + config_.stall_timeout, clock_.now());
    if (!in_time) co_return std::move(*last);
    if (auto ok = co_await net::pause(*wait); !ok) co_return forward_error(ok);
  }
}

net::Task<ProviderOutcome<Generation>> RemoteGenerator::ask(const std::string& body,
                                                            Deadlines deadlines,
                                                            const OnText& on_text,
                                                            std::string& code) {
  const Deadline deadline = deadlines.of_request;
  auto request = provider_request(config_.base_url, "/chat/completions", config_.api_key, body);
  request.headers.set("accept", http::kEventStreamType);
  auto stream = co_await client_.open(std::move(request), deadlines.of_answer);
  if (!stream) {
    code = error_code_name(stream.error().code);
    co_return judge_failure(stream.error().code, deadline, false);
  }
  const int status = stream->status();
  code = std::to_string(status);
  gate_.note(status);
  gate_.observe(quota_of(stream->headers(), clock_.wall_now()));
  if (status < 200 || status >= 300) {
    co_return Outcome::failed(gate_.judge_status(status, stream->headers()));
  }
  ChatReader reader(kMaxAnswerBytes);
  Result<> ok;
  while (ok) {
    auto piece = co_await stream->read();
    if (!piece && reader.done()) break; // all was said, however the connection ends
    if (!piece) {
      code = error_code_name(piece.error().code);
      co_return judge_failure(piece.error().code, deadline, reader.has_text());
    }
    if (piece->empty()) break;
    ok = reader.feed(*piece, on_text);
  }
  Outcome came{ok ? reader.finish() : Result<Generation>(forward_error(ok))};
  if (came.made) {
    came.made->model = config_.model;
    came.answer.outcome = policy::Outcome::kSuccess;
  } else {
    code = error_code_name(came.made.error().code);
    came.answer.outcome = policy::Outcome::kFailure;
    if (!reader.has_text()) came.next = ProviderVerdict::Next::kRetry;
  }
  co_return came;
}

// All tokens; estimated when the provider does not say.
double RemoteGenerator::count_usage(const GenerationRequest& request, Generation& made) const {
  GenerationUsage& usage = made.usage;
  if (usage.prompt_tokens + usage.completion_tokens == 0) {
    usage = {prompt_tokens(request), estimate_tokens(made.text)};
  }
  if (on_usage_) on_usage_(usage);
  return static_cast<double>(usage.prompt_tokens + usage.completion_tokens);
}

RemoteGenerator::Outcome RemoteGenerator::judge_failure(ErrorCode code, Deadline deadline,
                                                        bool begun) const {
  if (code == ErrorCode::kClientClosed) return {fail(code, "cancelled")};
  Outcome came = Outcome::failed(gate_.judge_error(code, deadline.expired(clock_.now())));
  if (begun) came.next = ProviderVerdict::Next::kNone;
  return came;
}

} // namespace raglan::model

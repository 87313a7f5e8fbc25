#include "model/remote_generator.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "http/sse.h"
#include "model/provider_address.h"
#include "net/pause.h"

namespace raglan::model {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kKind = "generation";

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
  table.field("ca_file", &C::ca_file, "PEM file of the certificates to trust; empty: the system's");
}

// What came of one attempt, and whether another makes sense.
struct RemoteGenerator::Attempt {
  using Next = ProviderVerdict::Next;
  Result<Generation> made;
  Next next = Next::kNone;
  policy::Outcome outcome = policy::Outcome::kNeutral;
  bool asked = true; // false: refused here
};

RemoteGenerator::RemoteGenerator(RemoteGeneratorConfig config,
                                 const RemoteGeneratorPolicies& policies, net::EventLoops& loops,
                                 Observer observer, const Clock& clock)
    : config_(std::move(config)),
      backoff_(policies.backoff),
      observer_(std::move(observer)),
      clock_(clock),
      id_(config_.id.empty() ? provider_model_id(config_.model, config_.base_url) : config_.id),
      breaker_(policies.breaker),
      budget_(policies.retry_budget),
      standing_(kKind),
      client_(client_config(config_), loops, clock) {}

Result<> RemoteGenerator::check() const {
  if (auto refusal = standing_.refusal()) return std::unexpected(std::move(*refusal));
  if (breaker_status().state != policy::BreakerState::kOpen) return {};
  return provider_left_alone(kKind);
}

net::Task<Result<Generation>> RemoteGenerator::generate(GenerationRequest request, OnText on_text) {
  const std::string body = chat_request(config_.model, request);
  const auto live = budget_.begin_request();
  std::optional<policy::RetryBudget::Permit> retrying;
  policy::Backoff backoff(backoff_);
  Rng rng(random_seed());
  Attempt last;
  for (int attempts = 1;; ++attempts) {
    const Deadline patience = request.last_resort ? request.deadline : Deadline(clock_.now());
    if (auto ok = co_await await_turn(backoff, rng, patience); !ok) co_return forward_error(ok);
    Attempt latest = co_await attempt(body, request.deadline, on_text);
    // What the provider did says more than that it is left alone from here on.
    if (!latest.asked && attempts > 1) co_return std::move(last.made);
    last = std::move(latest);
    const bool again = last.next != Attempt::Next::kNone && request.last_resort;
    if (!again || attempts == kMaxAttempts) break;
    if (last.next == Attempt::Next::kWhenAllowed) continue; // await_turn waits
    if (!retrying) retrying = budget_.try_acquire_retry();
    const Duration wait = backoff.next(rng);
    const bool in_time = request.deadline.allows(wait + config_.stall_timeout, clock_.now());
    if (!retrying || !in_time) break;
    if (auto ok = co_await net::pause(wait); !ok) co_return forward_error(ok);
  }
  co_return std::move(last.made);
}

// Holds back while the provider has asked for it.
net::Task<Result<>> RemoteGenerator::await_turn(policy::Backoff& backoff, Rng& rng,
                                                Deadline deadline) {
  while (true) {
    const MonotonicTime now = clock_.now();
    const Duration held = standing_.held_for(now);
    if (held == Duration::zero()) co_return Result<>();
    const Duration wait = backoff.next(rng, held);
    if (!deadline.allows(wait, now)) co_return provider_throttled(kKind);
    if (auto ok = co_await net::pause(wait); !ok) co_return ok;
  }
}

net::Task<RemoteGenerator::Attempt> RemoteGenerator::attempt(const std::string& body,
                                                             Deadline deadline,
                                                             const OnText& on_text) {
  const MonotonicTime began = clock_.now();
  if (deadline.expired(began)) {
    Attempt refused{.made = provider_deadline_passed(kKind), .asked = false};
    co_return refused;
  }
  auto permit = breaker_.try_acquire(began);
  if (!permit) {
    Attempt refused{.made = provider_left_alone(kKind), .asked = false};
    co_return refused;
  }
  std::string code;
  Attempt made = co_await ask(body, deadline, on_text, code);
  const MonotonicTime ended = clock_.now();
  permit->report(made.outcome, ended);
  if (observer_) observer_(code, ended - began);
  co_return made;
}

net::Task<RemoteGenerator::Attempt> RemoteGenerator::ask(const std::string& body, Deadline deadline,
                                                         const OnText& on_text, std::string& code) {
  auto stream =
      co_await client_.open(make_request(body), deadline.capped(config_.timeout, clock_.now()));
  if (!stream) {
    code = error_code_name(stream.error().code);
    co_return judge_failure(stream.error().code, deadline, false);
  }
  const int status = stream->status();
  code = std::to_string(status);
  standing_.note(status);
  if (status < 200 || status >= 300) {
    ProviderVerdict verdict = judge_status(kKind, status, stream->headers(), clock_.wall_now());
    if (verdict.hold) standing_.hold(*verdict.hold, clock_.now());
    Attempt refused{std::unexpected(std::move(verdict.error)), verdict.next, verdict.outcome};
    co_return refused;
  }
  ChatReader reader(kMaxAnswerBytes);
  while (true) {
    auto piece = co_await stream->read();
    if (!piece) {
      code = error_code_name(piece.error().code);
      co_return judge_failure(piece.error().code, deadline, reader.has_text());
    }
    auto ok = piece->empty() ? Result<>() : reader.feed(*piece, on_text);
    if (ok && !piece->empty()) continue;
    Attempt made{ok ? reader.finish() : Result<Generation>(forward_error(ok))};
    if (made.made) made.made->model = config_.model;
    made.outcome = made.made ? policy::Outcome::kSuccess : policy::Outcome::kFailure;
    const bool again = !made.made && !reader.has_text();
    if (again) made.next = Attempt::Next::kRetry;
    if (!made.made) code = error_code_name(made.made.error().code);
    co_return made;
  }
}

RemoteGenerator::Attempt RemoteGenerator::judge_failure(ErrorCode code, Deadline deadline,
                                                        bool begun) const {
  if (code == ErrorCode::kClientClosed) return {fail(code, "cancelled")};
  const bool cut_short = deadline.expired(clock_.now());
  ProviderVerdict verdict = judge_error(kKind, code, cut_short);
  const auto next = begun ? Attempt::Next::kNone : verdict.next;
  return {std::unexpected(std::move(verdict.error)), next, verdict.outcome};
}

http::ClientRequest RemoteGenerator::make_request(const std::string& body) const {
  http::ClientRequest request{.method = "POST",
                              .url = endpoint_url(config_.base_url, "/chat/completions"),
                              .body = body,
                              .repeatable = true};
  request.headers.set("content-type", "application/json");
  request.headers.set("accept", http::kEventStreamType);
  if (!config_.api_key.empty()) {
    request.headers.set("authorization", "Bearer " + config_.api_key.reveal());
  }
  return request;
}

} // namespace raglan::model

#include "model/remote_embedder.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/rng.h"
#include "model/openai_embeddings.h"
#include "model/provider_address.h"
#include "model/provider_verdict.h"
#include "model/token_estimate.h"

namespace raglan::model {
namespace {

using std::chrono::milliseconds;

// Of an answer, for each number of a vector: as many as JSON's longest doubles have.
constexpr std::uint64_t kBytesPerNumber = 25;
constexpr std::uint64_t kAnswerBytes = 1 << 20; // of everything that is not numbers
constexpr std::size_t kMaxDimensions = 16'384;
constexpr std::string_view kKind = "embedding";
constexpr int kAttemptsToLearn = 3; // how much time they may take

http::ClientConfig client_config(const RemoteEmbedderConfig& config) {
  http::ClientConfig client;
  client.max_connections_per_host = config.concurrency;
  client.connect_timeout = std::min(client.connect_timeout, config.timeout);
  client.write_timeout = client.answer_timeout = client.body_timeout = config.timeout;
  client.ca_file = config.ca_file;
  return client;
}

std::unexpected<Error> draining() {
  return fail(ErrorCode::kDraining, "the server is shutting down");
}

} // namespace

void describe(config::Table<RemoteEmbedderConfig>& table) {
  using C = RemoteEmbedderConfig;
  table
      .field("base_url", &C::base_url,
             "of a provider's API, with its version; /embeddings is put behind it")
      .must("be an http or https URL without a query", is_base_url);
  table.field("api_key", &C::api_key, "of a provider; none is sent when empty");
  table
      .field("dimensions", &C::dimensions,
             "asked of a provider; 0 takes the model's own, learned by a call at the start")
      .max(kMaxDimensions);
  table
      .field("max_batch_texts", &C::max_batch_texts,
             "that a provider takes in one call; calls are as full as can be")
      .min(1)
      .max(100'000);
  table
      .field("max_batch_tokens", &C::max_batch_tokens,
             "that a provider takes in one call, as they are estimated here")
      .min(1)
      .max(100'000'000);
  table
      .field("max_text_tokens", &C::max_text_tokens,
             "that a provider takes of one text; longer ones are cut")
      .min(16)
      .max(1'000'000);
  table
      .field("concurrency", &C::concurrency,
             "calls of a provider at a time; ingest leaves one of them to questions")
      .min(1)
      .max(64);
  table
      .field("timeout", &C::timeout,
             "of one call of a provider; shorter than server.request_timeout, so that a question "
             "can go on without it")
      .min(milliseconds(1))
      .max(std::chrono::minutes(10));
  table.field("ca_file", &C::ca_file, "PEM file of the certificates to trust; empty: the system's");
}

// What came of one attempt, and whether another makes sense.
struct RemoteEmbedder::Attempt {
  using Next = ProviderVerdict::Next;
  Result<Embeddings> made;
  Next next = Next::kNone;
  policy::Outcome outcome = policy::Outcome::kNeutral;
  bool asked = true; // false: refused here
};

Result<std::unique_ptr<RemoteEmbedder>> RemoteEmbedder::connect(
    std::string model, RemoteEmbedderConfig config, const RemoteEmbedderPolicies& policies,
    Observer observer, const Clock& clock) {
  std::unique_ptr<RemoteEmbedder> embedder(new RemoteEmbedder(
      std::move(model), std::move(config), policies, std::move(observer), clock));
  if (embedder->dimension_ > 0) return embedder;
  const Duration patience = kAttemptsToLearn * embedder->config_.timeout;
  auto made = embedder->embed({"dimension"}, Deadline::after(patience, clock.now()));
  if (!made) {
    return fail(made.error().code,
                made.error().message +
                    "; with embedding.dimensions set, a node starts without its provider");
  }
  embedder->dimension_ = made->dimension;
  return embedder;
}

RemoteEmbedder::RemoteEmbedder(std::string model, RemoteEmbedderConfig config,
                               const RemoteEmbedderPolicies& policies, Observer observer,
                               const Clock& clock)
    : model_(std::move(model)),
      config_(std::move(config)),
      backoff_(policies.backoff),
      observer_(std::move(observer)),
      clock_(clock),
      id_(provider_model_id(model_, config_.base_url, config_.dimensions)),
      dimension_(config_.dimensions),
      breaker_(policies.breaker),
      budget_(policies.retry_budget),
      standing_(kKind),
      client_(client_config(config_)) {}

RemoteEmbedder::~RemoteEmbedder() = default;

std::size_t RemoteEmbedder::count_tokens(std::string_view text) const {
  return estimate_tokens(text);
}

BatchLimits RemoteEmbedder::batch_limits() const {
  return {.texts = config_.max_batch_texts,
          .tokens = config_.max_batch_tokens,
          .special_tokens = 0,
          .padded = false,
          .calls = config_.concurrency};
}

Result<> RemoteEmbedder::check(Deadline) {
  if (auto refusal = standing_.refusal()) return std::unexpected(std::move(*refusal));
  if (breaker_status().state != policy::BreakerState::kOpen) return {};
  return fail(ErrorCode::kUnavailable, "the embedding provider failed again and again");
}

// More texts than one call takes come from callers without a queue.
Result<Embeddings> RemoteEmbedder::embed(const std::vector<std::string_view>& texts,
                                         Deadline deadline) {
  Embeddings all{dimension_, {}, 0};
  std::size_t tokens = 0;
  std::vector<std::string_view> batch;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    batch.push_back(first_tokens(texts[i], config_.max_text_tokens));
    tokens += estimate_tokens(batch.back());
    const bool last = i + 1 == texts.size();
    if (!last && batch.size() < config_.max_batch_texts &&
        tokens + estimate_tokens(texts[i + 1]) <= config_.max_batch_tokens) {
      continue;
    }
    auto made = embed_once(batch, deadline);
    if (!made || (last && all.values.empty())) return made;
    all.dimension = made->dimension;
    all.tokens += made->tokens;
    all.values.insert(all.values.end(), made->values.begin(), made->values.end());
    batch.clear();
    tokens = 0;
  }
  return all;
}

Result<Embeddings> RemoteEmbedder::embed_once(const std::vector<std::string_view>& texts,
                                              Deadline deadline) {
  const std::string body = embeddings_request(model_, texts, config_.dimensions);
  const auto live = budget_.begin_request();
  std::optional<policy::RetryBudget::Permit> retrying;
  policy::Backoff backoff(backoff_);
  Rng rng(random_seed());
  Attempt last;
  for (int attempts = 1;; ++attempts) {
    if (auto ok = await_turn(backoff, rng, deadline); !ok) return forward_error(ok);
    Attempt latest = attempt(body, texts.size(), deadline);
    // What the provider did says more than that it is left alone from here on.
    if (!latest.asked && attempts > 1) return std::move(last.made);
    last = std::move(latest);
    if (last.next == Attempt::Next::kNone || attempts == kMaxAttempts) return std::move(last.made);
    if (last.next == Attempt::Next::kWhenAllowed) continue; // await_turn waits
    if (!retrying) retrying = budget_.try_acquire_retry();
    const Duration wait = backoff.next(rng);
    const bool in_time = deadline.allows(wait + config_.timeout, clock_.now());
    if (!retrying || !in_time) return std::move(last.made);
    if (!pause(wait)) return draining();
  }
}

// Holds back while the provider has asked for it.
Result<> RemoteEmbedder::await_turn(policy::Backoff& backoff, Rng& rng, Deadline deadline) {
  while (true) {
    const MonotonicTime now = clock_.now();
    const Duration held = standing_.held_for(now);
    if (held == Duration::zero()) return {};
    const Duration wait = backoff.next(rng, held);
    if (!deadline.allows(wait, now)) return provider_throttled(kKind);
    if (!pause(wait)) return draining();
  }
}

RemoteEmbedder::Attempt RemoteEmbedder::attempt(const std::string& body, std::size_t texts,
                                                Deadline deadline) {
  const auto refused = [](std::unexpected<Error> error) {
    return Attempt{.made = std::move(error), .asked = false};
  };
  const MonotonicTime began = clock_.now();
  const Duration left = deadline.remaining(began);
  if (left == Duration::zero()) {
    return refused(provider_deadline_passed(kKind));
  }
  auto permit = breaker_.try_acquire(began);
  if (!permit) return refused(provider_left_alone(kKind));
  const Duration patience = std::min<Duration>(config_.timeout, left);
  const auto response = client_.send(make_request(body, texts), patience);
  Attempt made = judge(response, texts, patience < config_.timeout);
  const MonotonicTime ended = clock_.now();
  permit->report(made.outcome, ended);
  if (observer_) {
    observer_(response ? std::to_string(response->status)
                       : std::string(error_code_name(response.error().code)),
              ended - began);
  }
  return made;
}

RemoteEmbedder::Attempt RemoteEmbedder::judge(const Result<http::ClientResponse>& response,
                                              std::size_t texts, bool cut_short) {
  using Next = Attempt::Next;
  if (!response) {
    const ErrorCode code = response.error().code;
    if (code == ErrorCode::kClientClosed) return {draining()};
    ProviderVerdict verdict = judge_error(kKind, code, cut_short);
    return {std::unexpected(std::move(verdict.error)), verdict.next, verdict.outcome};
  }
  const int status = response->status;
  standing_.note(status);
  if (status >= 200 && status < 300) {
    auto read = read_embeddings_reply(response->body, texts, dimension_);
    if (read) return {std::move(read), Next::kNone, policy::Outcome::kSuccess};
    return {std::move(read), Next::kRetry, policy::Outcome::kFailure};
  }
  ProviderVerdict verdict = judge_status(kKind, status, response->headers, clock_.wall_now());
  if (verdict.hold) standing_.hold(*verdict.hold, clock_.now());
  return {std::unexpected(std::move(verdict.error)), verdict.next, verdict.outcome};
}

http::ClientRequest RemoteEmbedder::make_request(const std::string& body, std::size_t texts) const {
  http::ClientRequest request{.method = "POST",
                              .url = endpoint_url(config_.base_url, "/embeddings"),
                              .body = body,
                              .repeatable = true};
  request.headers.set("content-type", "application/json");
  request.headers.set("accept", "application/json");
  if (!config_.api_key.empty()) {
    request.headers.set("authorization", "Bearer " + config_.api_key.reveal());
  }
  const std::size_t numbers = texts * (dimension_ > 0 ? dimension_ : kMaxDimensions);
  request.max_body_bytes = kAnswerBytes + numbers * kBytesPerNumber;
  return request;
}

bool RemoteEmbedder::pause(Duration duration) {
  std::unique_lock lock(interrupt_mutex_);
  return !interruption_.wait_for(lock, duration, [this] { return interrupted_; });
}

void RemoteEmbedder::interrupt() {
  {
    const std::lock_guard lock(interrupt_mutex_);
    interrupted_ = true;
  }
  interruption_.notify_all();
  client_.interrupt();
}

} // namespace raglan::model

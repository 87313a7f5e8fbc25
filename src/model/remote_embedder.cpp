#include "model/remote_embedder.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "model/openai_embeddings.h"
#include "model/provider_address.h"
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

policy::Tier tier_of(EmbeddingPriority priority) {
  return priority == EmbeddingPriority::kIngest ? policy::Tier::kIngest : policy::Tier::kPaid;
}

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

Result<std::unique_ptr<RemoteEmbedder>> RemoteEmbedder::connect(std::string model,
                                                                RemoteEmbedderConfig config,
                                                                const ProviderPolicies& policies,
                                                                Observer observer,
                                                                const Clock& clock) {
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
                               const ProviderPolicies& policies, Observer observer,
                               const Clock& clock)
    : model_(std::move(model)),
      config_(std::move(config)),
      clock_(clock),
      id_(provider_model_id(model_, config_.base_url, config_.dimensions)),
      dimension_(config_.dimensions),
      gate_(kKind, policies, std::move(observer), clock),
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

Result<> RemoteEmbedder::check(Deadline) { return gate_.check(); }

// More texts than one call takes come from callers without a queue.
Result<Embeddings> RemoteEmbedder::embed(const std::vector<std::string_view>& texts,
                                         EmbeddingCall call) {
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
    auto made = embed_once(batch, call);
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
                                              EmbeddingCall asked) {
  const std::string body = embeddings_request(model_, texts, config_.dimensions);
  std::size_t tokens = 0;
  for (const std::string_view text : texts) tokens += estimate_tokens(text);
  ProviderCall call(gate_, {.max_attempts = kMaxAttempts,
                            .attempt_timeout = config_.timeout,
                            .deadline = asked.deadline,
                            .tokens = static_cast<double>(tokens),
                            .tier = tier_of(asked.priority)});
  std::optional<Result<Embeddings>> last;
  while (true) {
    auto hold = call.hold();
    // What the provider did says more than that it is left alone from here on.
    const bool left_alone = !hold && hold.error().code == ErrorCode::kUnavailable;
    if (!hold) return left_alone && last ? std::move(*last) : forward_error(hold);
    if (*hold > Duration::zero()) {
      if (!pause(*hold)) return draining();
      continue;
    }
    auto attempt = call.begin();
    if (!attempt) return last ? std::move(*last) : forward_error(attempt);
    std::string code;
    ProviderOutcome<Embeddings> came = ask(body, texts.size(), asked.deadline, code);
    attempt->report(code, came.answer);
    last = std::move(came.made);
    const auto wait = call.retry_after(came.next);
    if (!wait) return std::move(*last);
    if (!pause(*wait)) return draining();
  }
}

ProviderOutcome<Embeddings> RemoteEmbedder::ask(const std::string& body, std::size_t texts,
                                                Deadline deadline, std::string& code) {
  using Outcome = ProviderOutcome<Embeddings>;
  const Duration patience = std::min<Duration>(config_.timeout, deadline.remaining(clock_.now()));
  const auto response = client_.send(make_request(body, texts), patience);
  if (!response) {
    const ErrorCode error = response.error().code;
    code = error_code_name(error);
    if (error == ErrorCode::kClientClosed) return {draining()};
    return Outcome::failed(gate_.judge_error(error, patience < config_.timeout));
  }
  const int status = response->status;
  code = std::to_string(status);
  gate_.note(status);
  gate_.observe(quota_of(response->headers, clock_.wall_now()));
  if (status < 200 || status >= 300) {
    return Outcome::failed(gate_.judge_status(status, response->headers));
  }
  Outcome came{read_embeddings_reply(response->body, texts, dimension_)};
  if (came.made) {
    came.answer.outcome = policy::Outcome::kSuccess;
    came.answer.tokens = static_cast<double>(came.made->tokens);
  } else {
    came.next = ProviderVerdict::Next::kRetry;
    came.answer.outcome = policy::Outcome::kFailure;
  }
  return came;
}

http::ClientRequest RemoteEmbedder::make_request(const std::string& body, std::size_t texts) const {
  auto request = provider_request(config_.base_url, "/embeddings", config_.api_key, body);
  request.headers.set("accept", "application/json");
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

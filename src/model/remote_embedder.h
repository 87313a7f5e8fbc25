// An embedding model behind an API of OpenAI's shape, as the in-process one behind the same seam.
//
// Calls. `embed` blocks its thread for one call (more when the texts pass one call's limits); the
// embedding queue runs `concurrency` of them at a time, with full batches. When a call is made
// again: model/provider_gate.h. A call that was cut short by its own deadline says nothing about
// the provider.
//
// Answers are checked (model/openai_embeddings.h): what is not exactly one finite vector for each
// text, of the one dimension, is a failure of the provider.
//
// Identity. `id()` is the model's name with a hash of base_url without its scheme, the name and the
// asked-for dimensions: the same name at another address may be another model. A provider that
// changes a model behind its name cannot be noticed.
//
// Tokens are estimated (model/token_estimate.h); what is paid for is the provider's `usage`.
//
// Nothing that the provider says reaches an error message, and the key reaches nothing but the
// provider.
//
// Thread safety: all members, from any thread.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "config/secret.h"
#include "config/table.h"
#include "http/blocking_client.h"
#include "model/embedder.h"
#include "model/provider_gate.h"

namespace raglan::model {

// The name of the model has no field here: it stands with the choice of the provider.
struct RemoteEmbedderConfig {
  std::string base_url = "https://api.openai.com/v1";
  config::Secret api_key;
  std::size_t dimensions = 0; // 0: the model's own
  std::size_t max_batch_texts = 2048;
  std::size_t max_batch_tokens = 300'000;
  std::size_t max_text_tokens = 8191;
  std::size_t concurrency = 4;
  std::chrono::milliseconds timeout{10'000};
  std::string ca_file; // empty: the system's certificates
};
void describe(config::Table<RemoteEmbedderConfig>& table);

class RemoteEmbedder final : public Embedder {
 public:
  static constexpr int kMaxAttempts = 8;

  using Observer = ProviderGate::Observer;

  // Makes a first call when the dimension is to be learned. Errors: those of `embed`.
  static Result<std::unique_ptr<RemoteEmbedder>> connect(
      std::string model, RemoteEmbedderConfig config, const ProviderPolicies& policies,
      Observer observer = {}, const Clock& clock = SystemClock::instance());
  ~RemoteEmbedder() override;

  std::string_view id() const override { return id_; }
  std::string_view name() const override { return model_; }
  std::size_t dimension() const override { return dimension_; }
  std::size_t max_tokens() const override { return config_.max_text_tokens; }
  std::size_t count_tokens(std::string_view text) const override;
  BatchLimits batch_limits() const override;
  // Errors:
  //   kUnavailable       the breaker is open, no connection, no answer in time, the key or the
  //                      model is refused
  //   kOverloaded        throttled for longer than the deadline allows
  //   kUpstream          5xx, an answer that is cut off or wrong, any other status
  //   kInvalidField      400, 413 or 422: a text, or all of them, are not what it takes
  //   kDeadlineExceeded, kDraining (interrupted)
  Result<Embeddings> embed(const std::vector<std::string_view>& texts, EmbeddingCall call) override;
  // Makes no call, which would be paid for: kUnavailable while the breaker is open, and after the
  // key, the model or the address was refused, until a call succeeds.
  Result<> check(Deadline deadline) override;
  void interrupt() override;

  policy::BreakerStatus breaker_status() const { return gate_.breaker_status(); }
  policy::PacerStatus quota_status() const { return gate_.quota_status(); }

 private:
  RemoteEmbedder(std::string model, RemoteEmbedderConfig config, const ProviderPolicies& policies,
                 Observer observer, const Clock& clock);
  Result<Embeddings> embed_once(const std::vector<std::string_view>& texts, EmbeddingCall asked);
  // One attempt, and the status or error that it is counted under.
  ProviderOutcome<Embeddings> ask(const std::string& body, std::size_t texts, Deadline deadline,
                                  std::string& code);
  http::ClientRequest make_request(const std::string& body, std::size_t texts) const;
  // False when it was interrupted.
  bool pause(Duration duration);

  const std::string model_;
  const RemoteEmbedderConfig config_;
  const Clock& clock_;
  const std::string id_;
  std::size_t dimension_;
  ProviderGate gate_;
  std::mutex interrupt_mutex_;
  std::condition_variable interruption_;
  bool interrupted_ = false; // guarded by interrupt_mutex_
  http::BlockingClient client_;
};

} // namespace raglan::model

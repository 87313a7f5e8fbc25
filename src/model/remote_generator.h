// A language model behind an API of OpenAI's shape: OpenAI, Azure, vLLM, Ollama, llama.cpp.
//
// Answers are streamed, whoever reads them. Each has `timeout` in all, and `stall_timeout` for
// every wait in it: for a connection, for the answer to begin, between two pieces. When a call is
// made again: model/provider_gate.h; never once there was text. What was cut short by its own
// deadline, or cancelled, says nothing about the provider. A cancelled call closes its connection
// at once, which is how providers of this shape learn of it.
//
// Nothing that the provider says reaches an error message, and the key reaches nothing but the
// provider. What the model writes is bounded by kMaxAnswerBytes.
//
// Thread safety: all members, on any of the event loops that it was made with.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "config/secret.h"
#include "config/table.h"
#include "http/client.h"
#include "model/generator.h"
#include "model/openai_chat.h"
#include "model/provider_gate.h"

namespace raglan::model {

struct RemoteGeneratorConfig {
  std::string base_url = "https://api.openai.com/v1";
  std::string model = "gpt-4o-mini";
  config::Secret api_key;
  std::chrono::milliseconds timeout{25'000};
  std::chrono::milliseconds stall_timeout{10'000};
  std::size_t max_connections = 64;
  double weight = 1; // in a chain that chooses by it
  ChatDialect::MaxTokens max_tokens_field = ChatDialect::MaxTokens::kMaxTokens;
  bool stream_usage = true;
  // No settings: of a model that was started here, whose address is another each time.
  ModelTraits traits;
  std::string id;
  std::string ca_file; // empty: the system's certificates
};
void describe(config::Table<RemoteGeneratorConfig>& table);

class RemoteGenerator final : public Generator {
 public:
  static constexpr int kMaxAttempts = 4;
  static constexpr std::size_t kMaxAnswerBytes = 1 << 20;

  struct Observer {
    ProviderGate::Observer on_call;
    // Of each answer that was read to its end; estimated if the provider does not say it.
    std::function<void(const GenerationUsage&)> on_usage;
  };

  // Each part of the observer may be empty.
  RemoteGenerator(RemoteGeneratorConfig config, const ProviderPolicies& policies,
                  net::EventLoops& loops, Observer observer = {},
                  const Clock& clock = SystemClock::instance());

  std::string_view id() const override { return id_; }
  std::string_view name() const override { return config_.model; }
  ModelTraits traits() const override { return config_.traits; }
  Result<> check() const override { return gate_.check(); }
  net::Task<Result<Generation>> generate(GenerationRequest request, OnText on_text) override;

  policy::BreakerStatus breaker_status() const { return gate_.breaker_status(); }
  policy::PacerStatus quota_status() const { return gate_.quota_status(); }
  http::ClientStats client_stats() const { return client_.stats(); }

 private:
  using Outcome = ProviderOutcome<Generation>;

  struct Deadlines {
    Deadline of_request; // what passes it is not the provider's fault
    Deadline of_answer;  // by the provider's timeout
  };
  // One attempt, its answer read to the end, and the status or error that it is counted under.
  net::Task<Outcome> ask(const std::string& body, Deadlines deadlines, const OnText& on_text,
                         std::string& code);
  double count_usage(const GenerationRequest& request, Generation& made) const;
  Outcome judge_failure(ErrorCode code, Deadline deadline, bool begun) const;

  const RemoteGeneratorConfig config_;
  const Clock& clock_;
  const std::string id_;
  const std::function<void(const GenerationUsage&)> on_usage_;
  ProviderGate gate_;
  http::Client client_;
};

} // namespace raglan::model

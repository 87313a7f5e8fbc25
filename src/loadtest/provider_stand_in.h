// A provider of embeddings and chat answers that runs here: OpenAI's API over a real socket, as
// fast, slow, flaky, throttled, dead or garbled as it is told to be. Tests and measurements use it
// where a paid API would be neither there nor repeatable.
//
//   auto provider = ProviderStandIn::start({}, {.latency = 20ms});
//   … (*provider)->url() …                     // "http://127.0.0.1:PORT", without /v1
//   (*provider)->set(changed);                 // any time, also by POST /control
//
// Routes: POST /v1/embeddings, POST /v1/chat/completions, GET /v1/models; what they do is in
// provider_behaviour.h and provider_calls.h. What they say follows from the request alone
// (provider_answers.h).
//
// Control, at an address of its own so that no fault reaches it, and at the API's as well:
//   GET /control                the behaviour
//   POST /control               {"latency":"20ms","fault":"hang"}: changes what is named
//   GET /control/stats          calls, texts, tokens, the most calls at a time
//   DELETE /control/stats       counts from zero
// To refuse connections the API's listener is closed; only the control address can open it again.
//
// Thread safety: `set` and the destructor block, and belong to threads that are no loop's; all
// members may be called concurrently.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "loadtest/provider_behaviour.h"
#include "loadtest/provider_calls.h"

namespace raglan::loadtest {

struct ProviderListen {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0; // 0: a free one
  std::uint16_t control_port = 0;
};

class ProviderStandIn {
 public:
  // Errors: kUnavailable when it cannot listen.
  static Result<std::unique_ptr<ProviderStandIn>> start(
      const ProviderListen& listen = {}, const ProviderBehaviour& behaviour = {},
      const Clock& clock = SystemClock::instance());
  ~ProviderStandIn();
  ProviderStandIn(const ProviderStandIn&) = delete;
  ProviderStandIn& operator=(const ProviderStandIn&) = delete;

  std::string url() const;
  std::string control_url() const;

  ProviderBehaviour behaviour() const;
  // kUnavailable when it is to accept connections again and its port is taken.
  Result<> set(ProviderBehaviour behaviour);
  ProviderStats stats() const;
  void reset_stats();

 private:
  class Servers;
  explicit ProviderStandIn(std::unique_ptr<Servers> servers);
  std::unique_ptr<Servers> servers_;
};

} // namespace raglan::loadtest

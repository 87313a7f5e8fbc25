// Our own claim: a client that goes away while its answer is written ends the call to the language
// model within a second, and nobody pays for words that nobody reads. With the provider stand-in.
#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include <boost/json/object.hpp>

#include "base/json_text.h"
#include "http/client.h"
#include "loadtest/claims.h"
#include "loadtest/node_work.h"
#include "loadtest/provider_stand_in.h"
#include "loadtest/rig.h"
#include "net/detach.h"

namespace raglan::loadtest {
namespace {

constexpr std::chrono::milliseconds kTokenDelay{100};
constexpr std::chrono::seconds kPatience{30};
constexpr std::string_view kFirstText = "event: delta";

double milliseconds_since(MonotonicTime began) {
  return to_milliseconds(SystemClock::instance().now() - began);
}

// Reads a streamed answer until its first text, and then to its end or no further: when it is left
// its connection is closed. How long the reading behind the first text took.
net::Task<Result<double>> read_answer(http::Client& client, std::string url, std::string question,
                                      bool leaves) {
  http::ClientRequest request{.method = "POST", .url = url + "/v1/query"};
  request.headers.set("content-type", "application/json");
  request.body =
      json_text(boost::json::object{{"query", question}, {"stream", true}, {"cache", "bypass"}});
  auto stream = co_await client.open(std::move(request), Deadline());
  if (!stream) co_return forward_error(stream);
  std::string seen;
  std::optional<MonotonicTime> begun;
  while (true) {
    const auto piece = co_await stream->read();
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) break;
    if (!begun) seen += *piece;
    if (begun || !seen.contains(kFirstText)) continue;
    begun = SystemClock::instance().now();
    if (leaves) break;
  }
  if (!begun) co_return fail(ErrorCode::kUpstream, "the answer had no text");
  co_return milliseconds_since(*begun);
}

// How long the provider still works for it.
Result<double> time_until_idle(const ProviderStandIn& provider) {
  const Clock& clock = SystemClock::instance();
  const MonotonicTime began = clock.now();
  while (provider.stats().under_way > 0) {
    if (clock.now() > began + kPatience) {
      return fail(ErrorCode::kInternal, "the call to the provider did not end");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return milliseconds_since(began);
}

Result<Outcome> measure(Rig& rig) {
  auto questions = some_questions(rig, rig.choose(5, 20));
  if (!questions) return forward_error(questions);
  auto provider = ProviderStandIn::start({}, {.token_delay = kTokenDelay});
  if (!provider) return forward_error(provider);
  auto node = rig.start_node({"generation.provider=openai",
                              fmt::format("generation.base_url={}/v1", (*provider)->url()),
                              "generation.timeout=5m", "server.request_timeout=5m"});
  if (!node) return forward_error(node);
  net::EventLoops loops({.threads = 1});
  loops.start();
  http::Client client({}, loops);
  std::vector<double> off;
  std::vector<double> on;
  for (const std::string& question : *questions) {
    for (const bool leaves : {false, true}) {
      auto read =
          net::run_on(loops.executor(0), read_answer(client, (*node)->url(), question, leaves));
      if (!read) return forward_error(read);
      if (!leaves) {
        off.push_back(*read);
        continue;
      }
      auto took = time_until_idle(**provider);
      if (!took) return forward_error(took);
      on.push_back(*took);
    }
  }
  Outcome outcome{.off_is = "the reader stays: the answer is written to its end",
                  .on_is = "the reader leaves after the first words",
                  .off = Figure::of(off),
                  .on = Figure::of(on),
                  .unit = "ms p50"};
  outcome.ratio = outcome.off.median / outcome.on.median;
  outcome.judged = *std::ranges::max_element(on);
  outcome.notes = fmt::format(
      "How long the provider goes on after the first words, {} times each; the slowest is judged. "
      "A "
      "stand-in that writes a word every {} ms.",
      on.size(), kTokenDelay.count());
  return outcome;
}

} // namespace

Claim generation_cancel() {
  return {.id = "generation.cancel",
          .text = "A reader who leaves ends the call to the language model within a second",
          .promise = {.max = 1000, .unit = "ms"},
          .measure = measure};
}

} // namespace raglan::loadtest

// Our own claim: a client that goes away while its answer is written ends the call to the language
// model within a second, and nobody pays for words that nobody reads. With the provider stand-in.
#include <algorithm>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <thread>

#include <fmt/format.h>
#include <boost/json/object.hpp>

#include "base/json_text.h"
#include "http/url.h"
#include "loadtest/claims.h"
#include "loadtest/node_work.h"
#include "loadtest/provider_stand_in.h"
#include "loadtest/rig.h"

namespace raglan::loadtest {
namespace asio = boost::asio;
namespace {

constexpr std::chrono::milliseconds kTokenDelay{100};
constexpr std::chrono::seconds kPatience{30};
constexpr std::string_view kFirstText = "event: delta";
constexpr std::string_view kEnd = "event: done";

double milliseconds_since(MonotonicTime began) {
  return to_milliseconds(SystemClock::instance().now() - began);
}

// A reader of one streamed answer.
class Reader {
 public:
  // Asks, and reads until the answer has begun.
  Result<> open(const std::string& url, const std::string& question) {
    const auto where = http::parse_url(url);
    boost::system::error_code error;
    if (where) {
      const asio::ip::tcp::endpoint address(asio::ip::make_address(where->host, error),
                                            where->port);
      if (!error) socket_.connect(address, error);
    }
    if (!where || error) return fail(ErrorCode::kUnavailable, "the node cannot be reached");
    const std::string body =
        json_text(boost::json::object{{"query", question}, {"stream", true}, {"cache", "bypass"}});
    const std::string request = fmt::format(
        "POST /v1/query HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        "content-length: {}\r\n\r\n{}",
        body.size(), body);
    asio::write(socket_, asio::buffer(request), error);
    return error ? fail(ErrorCode::kUpstream, "the question could not be sent")
                 : read_until(kFirstText);
  }
  Result<> read_to_end() { return read_until(kEnd); }
  void leave() { socket_.close(); }

 private:
  Result<> read_until(std::string_view text) {
    boost::system::error_code error;
    const std::size_t read = asio::read_until(socket_, asio::dynamic_buffer(seen_), text, error);
    if (error) return fail(ErrorCode::kUpstream, "the answer ended too early");
    seen_.erase(0, read);
    return {};
  }

  asio::io_context context_;
  asio::ip::tcp::socket socket_{context_};
  std::string seen_;
};

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
  std::vector<double> off;
  std::vector<double> on;
  for (const std::string& question : *questions) {
    for (const bool leaves : {false, true}) {
      Reader reader;
      if (auto ok = reader.open((*node)->url(), question); !ok) return forward_error(ok);
      const MonotonicTime began = SystemClock::instance().now();
      if (!leaves) {
        if (auto ok = reader.read_to_end(); !ok) return forward_error(ok);
        off.push_back(milliseconds_since(began));
        continue;
      }
      reader.leave();
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

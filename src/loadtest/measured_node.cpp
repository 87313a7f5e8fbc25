#include "loadtest/measured_node.h"

#include <thread>

#include <fmt/format.h>
#include <boost/json/parse.hpp>

#include "base/json_lookup.h"
#include "base/json_text.h"

namespace raglan::loadtest {
namespace json = boost::json;
namespace {

constexpr std::string_view kListening = "listening on ";
constexpr std::chrono::milliseconds kLook{20};

MonotonicTime now() { return SystemClock::instance().now(); }

// Of `raglan; hit; key="…"`.
std::string key_of(std::string_view cache_status) {
  constexpr std::string_view kKey = "key=\"";
  const std::size_t at = cache_status.find(kKey);
  if (at == cache_status.npos) return {};
  const std::string_view rest = cache_status.substr(at + kKey.size());
  return std::string(rest.substr(0, rest.find('"')));
}

} // namespace

Result<std::unique_ptr<MeasuredNode>> MeasuredNode::start(const supervisor::Command& command) {
  auto process = LoggedProcess::start(command);
  if (!process) return forward_error(process);
  auto line = (*process)->first_line(kStartPatience);
  if (!line || !line->starts_with(kListening)) {
    return fail(ErrorCode::kUnavailable,
                fmt::format("a node did not start: {}", (*process)->last_words()));
  }
  std::unique_ptr<MeasuredNode> node(
      new MeasuredNode(std::move(*process), line->substr(kListening.size())));
  const MonotonicTime give_up = now() + kStartPatience;
  while (true) {
    auto started = node->send("GET", "/startup", nullptr);
    if (started && started->status == 200) return node;
    if (!node->process_->running() || now() >= give_up) {
      return fail(ErrorCode::kUnavailable,
                  fmt::format("a node did not start: {}", node->process_->last_words()));
    }
    std::this_thread::sleep_for(kLook);
  }
}

Result<http::ClientResponse> MeasuredNode::send(std::string method, std::string_view target,
                                                const json::value& body) {
  http::ClientRequest request{.method = std::move(method),
                              .url = fmt::format("{}{}", url_, target)};
  if (!body.is_null()) {
    request.headers.set("content-type", "application/json");
    request.body = json_text(body);
  }
  return client_.send(std::move(request), kCallPatience);
}

Result<json::value> MeasuredNode::call(std::string method, std::string_view target,
                                       const json::value& body) {
  auto response = send(std::move(method), target, body);
  if (!response) return forward_error(response);
  boost::system::error_code failure;
  json::value value = json::parse(response->body, failure);
  if (response->status == 200 && !failure) return value;
  const json::value* error = member_at(value, "error");
  return fail(response->status == 404 ? ErrorCode::kNotFound : ErrorCode::kUpstream,
              fmt::format("{} was answered {}: {}", target, response->status,
                          error ? text_at(*error, "message") : std::string_view("not JSON")));
}

Result<Asked> MeasuredNode::ask(std::string_view question, json::object fields,
                                std::string_view path) {
  fields["query"] = question;
  const json::value body(std::move(fields));
  const MonotonicTime asked = now();
  auto response = send("POST", path, body);
  const double milliseconds = to_milliseconds(now() - asked);
  if (!response) return forward_error(response);
  boost::system::error_code failure;
  const json::value reply = json::parse(response->body, failure);
  if (response->status != 200 || failure) {
    return fail(ErrorCode::kUpstream, fmt::format("a question was answered {}", response->status));
  }
  const json::value* cache = member_at(reply, "cache");
  return Asked{milliseconds, std::string(cache ? text_at(*cache, "status") : ""),
               key_of(response->headers.get("cache-status"))};
}

Result<MetricsText> MeasuredNode::metrics() {
  auto response = send("GET", "/metrics", nullptr);
  if (!response) return forward_error(response);
  if (response->status != 200) return fail(ErrorCode::kUpstream, "no metrics");
  return MetricsText(std::move(response->body));
}

} // namespace raglan::loadtest

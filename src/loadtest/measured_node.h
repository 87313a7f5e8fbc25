// A real node, in a process of its own, that claims are measured on: started on a copy of the
// documents, asked over HTTP, ended with its owner.
//
// Thread safety: `call`, `ask` and `metrics` from any thread, at most kMaxConnections at a time;
// the rest belongs to the thread that started it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "base/temporary_folder.h"
#include "http/blocking_client.h"
#include "loadtest/logged_process.h"
#include "loadtest/metrics_text.h"

namespace raglan::loadtest {

// A reply to a question, and what waiting for it took.
struct Asked {
  double milliseconds = 0;
  std::string cache_status; // "hit", "miss", …
  std::string key;          // of the query cache; empty when that was not asked
};

class MeasuredNode {
 public:
  static constexpr std::size_t kMaxConnections = 256;
  static constexpr std::chrono::seconds kStartPatience{120};
  static constexpr std::chrono::minutes kCallPatience{10};

  // Returns when it has started. Errors: kUnavailable, with the last line of its log.
  static Result<std::unique_ptr<MeasuredNode>> start(const supervisor::Command& command);

  const std::string& url() const { return url_; }
  // Removed when the node has ended.
  void keep(TemporaryFolder data) { data_.emplace(std::move(data)); }

  // The JSON of a 200. Errors: kNotFound for a 404, kUpstream for any other status, and
  // those of http/client.h.
  Result<boost::json::value> call(std::string method, std::string_view target,
                                  const boost::json::value& body = nullptr);
  // `path`: /v1/query or /v1/search. `fields` beside the question: cache, mode, …
  Result<Asked> ask(std::string_view question, boost::json::object fields = {},
                    std::string_view path = "/v1/query");
  Result<MetricsText> metrics();

 private:
  MeasuredNode(std::unique_ptr<LoggedProcess> process, std::string url)
      : process_(std::move(process)), url_(std::move(url)) {}
  Result<http::ClientResponse> send(std::string method, std::string_view target,
                                    const boost::json::value& body);

  std::optional<TemporaryFolder> data_; // outlives the process
  std::unique_ptr<LoggedProcess> process_;
  const std::string url_;
  http::BlockingClient client_{{.max_connections_per_host = kMaxConnections,
                                .max_waiting_per_host = kMaxConnections,
                                .answer_timeout = kCallPatience,
                                .body_timeout = kCallPatience}};
};

} // namespace raglan::loadtest

// The node's JSON API as the command line uses it: over HTTP with --url, else in this process on
// the data folder. One code path for both: what a command does is what a client of the API gets.
//
//   auto api = open_api(options);
//   auto reply = (*api)->call("POST", "/v1/query", {{"query", "how do I vacuum?"}});
//
// Blocking; not thread safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <boost/json/value.hpp>

#include "app/command_line.h"
#include "base/result.h"

namespace raglan::app {

struct ApiOptions {
  CommonOptions common;
  std::string url;           // empty: in this process
  std::string token;         // sent as a bearer token
  bool creates_store = true; // in this process: where there is none yet; else that is kNotFound
};
void add_api_options(CLI::App& command, ApiOptions& options);

// Of the node, however it was reached.
struct ApiReply {
  int status = 0;
  std::string body;
};

class Api {
 public:
  virtual ~Api() = default;

  // `target` is a path with its query. `body` null: none.
  // Errors: those the node answered with (their code, message and param); kUnavailable when it
  // cannot be reached; kUpstream when what answers is no node.
  Result<boost::json::value> call(std::string_view method, const std::string& target,
                                  const boost::json::value& body);

 private:
  virtual Result<ApiReply> send(std::string_view method, const std::string& target,
                                std::string body) = 0;
};

// Loads the settings too, and says on stderr what is wrong with them (kInvalidField then).
Result<std::unique_ptr<Api>> open_api(const ApiOptions& options);
// Prints why open_api failed and gives the exit code: kExitUsage for settings that are not valid.
int report_unopened(std::string_view command, const Error& error);

std::unique_ptr<Api> make_remote_api(std::string url, std::string token);
// Loads model and store: seconds. Shows on a terminal what it is doing.
Result<std::unique_ptr<Api>> load_local_api(const CommonOptions& options, bool creates_store);

} // namespace raglan::app

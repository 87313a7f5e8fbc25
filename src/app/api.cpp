#include "app/api.h"

#include <boost/json/parse.hpp>

#include "base/json_lookup.h"
#include "base/json_text.h"

namespace raglan::app {
namespace json = boost::json;
namespace {

Error error_of(const ApiReply& reply, const json::value& body) {
  const json::value* error = member_at(body, "error");
  if (error == nullptr || !error->is_object()) {
    return {ErrorCode::kUpstream, fmt::format("answered with status {}", reply.status), ""};
  }
  const auto code = error_code_from_name(text_at(*error, "code"));
  return {code.value_or(ErrorCode::kUpstream), std::string(text_at(*error, "message")),
          std::string(text_at(*error, "param"))};
}

} // namespace

Result<json::value> Api::call(std::string_view method, const std::string& target,
                              const json::value& body) {
  auto reply = send(method, target, body.is_null() ? std::string() : json_text(body));
  if (!reply) return forward_error(reply);
  boost::system::error_code failure;
  json::value value = json::parse(reply->body, failure);
  if (reply->status >= 200 && reply->status < 300 && !failure) return value;
  return std::unexpected(error_of(*reply, failure ? json::value() : value));
}

void add_api_options(CLI::App& command, ApiOptions& options) {
  add_common_options(command, options.common);
  command.add_option("--url", options.url, "a node, as http://HOST:PORT; without it, in-process");
  command.add_option("--token", options.token, "bearer token for the node");
}

Result<std::unique_ptr<Api>> open_api(const ApiOptions& options) {
  if (options.url.empty()) return load_local_api(options.common, options.creates_store);
  return make_remote_api(options.url, options.token);
}

int report_unopened(std::string_view command, const Error& error) {
  const int code = report_error(command, error);
  return error.code == ErrorCode::kInvalidField ? kExitUsage : code;
}

} // namespace raglan::app

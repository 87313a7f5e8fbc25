// The API of a node over HTTP.
#include "app/api.h"
#include "http/blocking_client.h"

namespace raglan::app {
namespace {

// Writing many documents means embedding them.
constexpr std::chrono::minutes kPatience{15};

class RemoteApi final : public Api {
 public:
  RemoteApi(std::string url, std::string token) : url_(std::move(url)), token_(std::move(token)) {
    while (url_.ends_with('/')) url_.pop_back();
  }

 private:
  Result<ApiReply> send(std::string_view method, const std::string& target,
                        std::string body) override {
    http::ClientRequest request;
    request.method = method;
    request.url = url_ + target;
    request.headers.set("content-type", "application/json");
    if (!token_.empty()) request.headers.set("authorization", "Bearer " + token_);
    request.body = std::move(body);
    auto response = client_.send(std::move(request), kPatience);
    if (!response) {
      return fail(response.error().code, fmt::format("{}: {}", url_, response.error().message));
    }
    return ApiReply{response->status, std::move(response->body)};
  }

  std::string url_;
  const std::string token_;
  // An answer takes the time of the work behind it: the patience above is the bound.
  http::BlockingClient client_{{.answer_timeout = kPatience, .body_timeout = kPatience}};
};

} // namespace

std::unique_ptr<Api> make_remote_api(std::string url, std::string token) {
  return std::make_unique<RemoteApi>(std::move(url), std::move(token));
}

} // namespace raglan::app

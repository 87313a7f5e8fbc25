#include "balancer/kubernetes_requests.h"

#include <fmt/format.h>

#include <boost/json/parse.hpp>

#include "base/json_lookup.h"
#include "base/percent_code.h"

namespace raglan::balancer {
namespace {

constexpr std::size_t kMaxReasonBytes = 300;

http::ClientRequest request(const KubernetesAccess& access, const KubernetesService& service,
                            std::string_view token) {
  http::ClientRequest made;
  made.url = fmt::format(
      "{}/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices?labelSelector={}", access.url,
      service.name_space, percent_encode("kubernetes.io/service-name=" + service.name));
  made.headers.add("accept", "application/json");
  made.headers.add("user-agent", "raglan-balancer");
  made.headers.add("authorization", fmt::format("Bearer {}", token));
  return made;
}

std::string meaning(std::string_view verb, const KubernetesService& service, int status) {
  switch (status) {
    case 401: return "the Kubernetes API does not accept the service account's token";
    case 403:
      return fmt::format(
          "the Kubernetes API does not permit it: the service account needs a Role in the "
          "namespace {} with the verb \"{}\" on the resource \"endpointslices\" of the API group "
          "\"discovery.k8s.io\"",
          service.name_space, verb);
    case 404:
      return "the Kubernetes API has no EndpointSlices (discovery.k8s.io/v1): it is too old";
    case 410: return "the Kubernetes API knows the version no more that was to be watched from";
    case 429: return "the Kubernetes API has too much to do";
    default: return fmt::format("the Kubernetes API answered with status {}", status);
  }
}

// The message of a Status. What is none says nothing: it may be any proxy's page.
std::string said(std::string_view body, std::string_view token) {
  boost::system::error_code failure;
  const boost::json::value status = boost::json::parse(body, failure);
  if (failure || text_at(status, "kind") != "Status") return {};
  const std::string_view message = text_at(status, "message");
  if (!token.empty() && message.find(token) != message.npos) return {};
  return std::string(message.substr(0, kMaxReasonBytes));
}

} // namespace

http::ClientRequest list_request(const KubernetesAccess& access, const KubernetesService& service,
                                 std::string_view token) {
  http::ClientRequest made = request(access, service, token);
  made.max_body_bytes = kMaxListBytes;
  return made;
}

http::ClientRequest watch_request(const KubernetesAccess& access, const KubernetesService& service,
                                  std::string_view version, std::chrono::seconds duration,
                                  std::string_view token) {
  http::ClientRequest made = request(access, service, token);
  made.url +=
      fmt::format("&watch=true&resourceVersion={}&allowWatchBookmarks=true&timeoutSeconds={}",
                  percent_encode(version), duration.count());
  made.max_body_bytes = kMaxWatchBytes;
  return made;
}

Error refusal(std::string_view verb, const KubernetesService& service, int status,
              std::string_view body, std::string_view token) {
  Error error{ErrorCode::kUnavailable, meaning(verb, service, status)};
  error.reason = said(body, token);
  return error;
}

Error unanswered(const Error& failure) {
  if (failure.code == ErrorCode::kClientClosed) return failure;
  Error error{ErrorCode::kUnavailable, failure.code == ErrorCode::kUnavailable
                                           ? "the Kubernetes API cannot be reached"
                                           : "the Kubernetes API did not answer as it should"};
  error.reason = failure.message;
  return error;
}

} // namespace raglan::balancer

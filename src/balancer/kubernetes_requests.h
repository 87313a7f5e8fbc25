// What the Kubernetes API is asked about a Service's EndpointSlices, and what its refusals mean.
//
//   GET /apis/discovery.k8s.io/v1/namespaces/rag/endpointslices
//       ?labelSelector=kubernetes.io%2Fservice-name%3Dnodes
//       [&watch=true&resourceVersion=10245&allowWatchBookmarks=true&timeoutSeconds=300]
//
// Source: the API reference of EndpointSlice v1, and "Kubernetes API Concepts". The list is asked
// for without a version: then it is the newest there is, and not what one server has in its cache.
//
// Every refusal is kUnavailable, with a message that names what has to be changed; what the API
// itself said is the reason, unless the token is in it.
//
// Thread safety: pure.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "balancer/kubernetes_access.h"
#include "balancer/kubernetes_url.h"
#include "base/result.h"
#include "http/client.h"

namespace raglan::balancer {

inline constexpr std::uint64_t kMaxListBytes = 4 * 1024 * 1024;   // 1,000 endpoints are 0.6 MB
inline constexpr std::uint64_t kMaxWatchBytes = 64 * 1024 * 1024; // of one watch, all events
inline constexpr std::size_t kMaxRefusalBytes = 16 * 1024;

http::ClientRequest list_request(const KubernetesAccess& access, const KubernetesService& service,
                                 std::string_view token);
// Of all that has happened since `version`, for `duration` at most.
http::ClientRequest watch_request(const KubernetesAccess& access, const KubernetesService& service,
                                  std::string_view version, std::chrono::seconds duration,
                                  std::string_view token);

// `verb`, "list" or "watch", was answered with a status other than 200.
Error refusal(std::string_view verb, const KubernetesService& service, int status,
              std::string_view body, std::string_view token);
// It was not answered, or not as HTTP has it.
Error unanswered(const Error& failure);

} // namespace raglan::balancer

// The upstream URL that names a Kubernetes Service: kubernetes://NAMESPACE/SERVICE:PORT.
//
//   kubernetes://rag/nodes:http      the port that the Service calls "http"
//   kubernetes://rag/nodes:8080      the port 8080 of its pods
//
// A number is the pods' own port (the Service's targetPort), for requests go to pods and not
// through the Service: an EndpointSlice does not say by which port clients ask the Service. Neither
// namespace nor port has a default: what "default" and 80 would stand for is seldom meant.
//
// Thread safety: values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace raglan::balancer {

struct KubernetesService {
  std::string name_space;
  std::string name;
  std::string port_name;  // empty: `port` counts
  std::uint16_t port = 0; // 0: `port_name` counts

  std::string url() const;
};

inline bool is_kubernetes_url(std::string_view url) { return url.starts_with("kubernetes://"); }

// Names must be labels as RFC 1123 has them, in lower case, which is what Kubernetes allows: none
// needs to be encoded in a URL. Errors: kInvalidField, of "/url".
Result<KubernetesService> parse_kubernetes_url(std::string_view url);

} // namespace raglan::balancer

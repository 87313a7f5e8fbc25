// Where the Kubernetes API is, and as whom a pod asks it.
//
// Inside a cluster the environment says where (KUBERNETES_SERVICE_HOST and _PORT), and a folder
// that the kubelet mounts into each pod has the token of its service account and the certificates
// of the cluster's authority. The kubelet writes a new token long before the old one is over (an
// hour, as a rule), so it is read for each request, and kept nowhere. The certificates are read
// once: a cluster whose authority is replaced needs its balancers restarted.
//
// The token is a secret: it goes into a request's Authorization and nowhere else.
//
// Thread safety: any thread.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/client.h"

namespace raglan::balancer {

struct KubernetesAccess {
  std::string url;        // https://HOST:PORT
  std::string ca_file;    // PEM
  std::string token_file; // bearer token
};

// Of the pod that this process runs in. Errors: kUnavailable, it runs in none, or the pod has no
// service account's token.
Result<KubernetesAccess> in_cluster_access();
// The same with what the environment says, and the mounted folder, given.
Result<KubernetesAccess> in_cluster_access(std::string_view host, std::string_view port,
                                           const std::filesystem::path& folder);

// Errors: kUnavailable, it cannot be read, or cannot be a token; the reason names the file. A few
// KB from memory (the kubelet's folder is a tmpfs), so event loops may do it.
Result<std::string> read_token(const std::string& token_file);

// Of the client that all Services are asked through. A watch that says nothing for its
// `body_timeout` is taken for dead: bookmarks come once a minute.
http::ClientConfig kubernetes_client_config(const KubernetesAccess& access);

} // namespace raglan::balancer

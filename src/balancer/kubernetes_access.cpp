#include "balancer/kubernetes_access.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "balancer/config.h"
#include "base/read_number.h"

namespace raglan::balancer {
namespace {

constexpr const char* kServiceAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount";
constexpr std::size_t kMaxTokenBytes = 64 * 1024;

std::string_view environment(const char* name) {
  const char* const value = std::getenv(name); // NOLINT(concurrency-mt-unsafe): nobody sets any
  return value ? value : "";
}

std::unexpected<Error> unavailable(std::string message, std::string reason = {}) {
  Error error{ErrorCode::kUnavailable, std::move(message)};
  error.reason = std::move(reason);
  return std::unexpected(std::move(error));
}

// What may stand in a header field's value: neither blanks nor control characters.
bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

} // namespace

Result<KubernetesAccess> in_cluster_access() {
  return in_cluster_access(environment("KUBERNETES_SERVICE_HOST"),
                           environment("KUBERNETES_SERVICE_PORT"), kServiceAccountFolder);
}

Result<KubernetesAccess> in_cluster_access(std::string_view host, std::string_view port,
                                           const std::filesystem::path& folder) {
  if (host.empty() || port.empty()) {
    return unavailable("kubernetes:// upstreams are for balancers that run in a cluster",
                       "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set");
  }
  std::uint16_t number = 0;
  if (!read_number(port, number) || number == 0) {
    return unavailable("the environment does not say where the Kubernetes API is",
                       "KUBERNETES_SERVICE_PORT is not a port");
  }
  const bool is_v6 = host.find(':') != host.npos;
  KubernetesAccess access{.url = is_v6 ? fmt::format("https://[{}]:{}", host, number)
                                       : fmt::format("https://{}:{}", host, number),
                          .ca_file = folder / "ca.crt",
                          .token_file = folder / "token"};
  if (auto token = read_token(access.token_file); !token) return forward_error(token);
  if (std::error_code failure; !std::filesystem::exists(access.ca_file, failure)) {
    return unavailable("the certificates of the cluster's authority are not mounted",
                       access.ca_file);
  }
  return access;
}

Result<std::string> read_token(const std::string& token_file) {
  std::ifstream file(token_file, std::ios::binary);
  std::string token(kMaxTokenBytes + 1, '\0');
  file.read(token.data(), static_cast<std::streamsize>(token.size()));
  token.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  while (token.ends_with('\n') || token.ends_with('\r')) token.pop_back();
  if (token.empty()) {
    return unavailable("there is no token of a service account",
                       fmt::format("{} is not there, or empty", token_file));
  }
  if (token.size() > kMaxTokenBytes || !is_token(token)) {
    return unavailable("the service account's token is none", token_file);
  }
  return token;
}

http::ClientConfig kubernetes_client_config(const KubernetesAccess& access) {
  http::ClientConfig config;
  config.ca_file = access.ca_file;
  config.max_connections_per_host = 2 * kMaxUpstreams; // each Service is watched, or listed
  config.answer_timeout = std::chrono::seconds(15);
  config.body_timeout = std::chrono::seconds(90);
  return config;
}

} // namespace raglan::balancer

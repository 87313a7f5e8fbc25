#include "balancer/kubernetes_url.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/read_number.h"

namespace raglan::balancer {
namespace {

constexpr std::string_view kScheme = "kubernetes://";
constexpr std::size_t kMaxLabelBytes = 63;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_label(std::string_view text) {
  const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-'; };
  return !text.empty() && text.size() <= kMaxLabelBytes && std::ranges::all_of(text, fits) &&
         text.front() != '-' && text.back() != '-';
}

std::unexpected<Error> bad_url() {
  return fail(ErrorCode::kInvalidField,
              "must be kubernetes://NAMESPACE/SERVICE:PORT, with a port's number or name", "/url");
}

} // namespace

std::string KubernetesService::url() const {
  return fmt::format("{}{}/{}:{}", kScheme, name_space, name,
                     port_name.empty() ? std::to_string(port) : port_name);
}

Result<KubernetesService> parse_kubernetes_url(std::string_view url) {
  if (!is_kubernetes_url(url)) return bad_url();
  url.remove_prefix(kScheme.size());
  const std::size_t slash = url.find('/');
  const std::size_t colon = url.find(':');
  if (slash == url.npos || colon == url.npos || colon < slash) return bad_url();
  const std::string_view name_space = url.substr(0, slash);
  const std::string_view name = url.substr(slash + 1, colon - slash - 1);
  const std::string_view port = url.substr(colon + 1);
  if (!is_label(name_space) || !is_label(name) || !is_label(port)) return bad_url();
  KubernetesService service{std::string(name_space), std::string(name)};
  if (!std::ranges::all_of(port, is_digit)) {
    service.port_name = port;
  } else if (!read_number(port, service.port) || service.port == 0) {
    return bad_url();
  }
  return service;
}

} // namespace raglan::balancer

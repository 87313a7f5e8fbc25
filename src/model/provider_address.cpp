#include "model/provider_address.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/hash.h"
#include "http/url.h"

namespace raglan::model {
namespace {

std::string_view without_slash(std::string_view url) {
  while (url.ends_with('/')) url.remove_suffix(1);
  return url;
}

} // namespace

bool is_base_url(const std::string& url) {
  return http::parse_url(url).has_value() && url.find('?') == std::string::npos;
}

std::string endpoint_url(std::string_view base_url, std::string_view endpoint) {
  return std::string(without_slash(base_url)).append(endpoint);
}

http::ClientRequest provider_request(std::string_view base_url, std::string_view endpoint,
                                     const config::Secret& key, std::string body) {
  http::ClientRequest request{.method = "POST",
                              .url = endpoint_url(base_url, endpoint),
                              .body = std::move(body),
                              .repeatable = true};
  request.headers.set("content-type", "application/json");
  if (!key.empty()) request.headers.set("authorization", "Bearer " + key.reveal());
  return request;
}

std::string provider_model_id(std::string_view model, std::string_view base_url,
                              std::uint64_t variant) {
  const std::string_view url = without_slash(base_url);
  const std::string_view place = url.substr(std::min(url.size(), url.find("://") + 3));
  Hasher hasher;
  hasher.add(place).add(model).add(variant);
  return fmt::format("{}:{}", model, hasher.finish().hex().substr(0, 16));
}

} // namespace raglan::model

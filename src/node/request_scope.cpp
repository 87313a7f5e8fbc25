#include "node/request_scope.h"

#include <algorithm>
#include <charconv>

#include "base/ids.h"
#include "node/identity_scope.h"

namespace raglan::node {
namespace {

bool usable_id(std::string_view id) {
  return !id.empty() && id.size() <= kMaxRequestIdBytes &&
         std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

} // namespace

http::Handler with_request_id(http::Handler next, const Clock& clock) {
  return [next = std::move(next), &clock](http::Request& request) {
    if (!usable_id(request_id(request))) {
      request.headers.set(kRequestIdHeader, make_uuid7(clock.wall_now()));
    }
    return next(request);
  };
}

http::Handler with_load(http::Handler next, http::Load& load) {
  return [next = std::move(next), &load](http::Request& request) {
    if (request.path.starts_with("/v1/")) request.load_share = load.enter();
    return next(request);
  };
}

http::Handler with_parameters(std::vector<std::string_view> known, http::Handler next) {
  return [known = std::move(known),
          next = std::move(next)](http::Request& request) -> net::Task<http::Response> {
    if (request.query.empty()) return next(request);
    const auto parameters = request.query_parameters();
    if (!parameters) return refuse(request, parameters.error());
    std::vector<std::string_view> seen;
    for (const auto& [name, value] : *parameters) {
      if (std::ranges::find(known, name) == known.end()) {
        return refuse(request,
                      {ErrorCode::kInvalidField, "there is no such query parameter", name});
      }
      if (std::ranges::find(seen, name) != seen.end()) {
        return refuse(request, {ErrorCode::kInvalidField, "may be given once", name});
      }
      seen.push_back(name);
    }
    return next(request);
  };
}

net::Task<http::Response> refuse(const http::Request& request, Error error) {
  co_return error_reply(error, request);
}

Result<Deadline> request_deadline(const http::Request& request, Duration max) {
  const auto sent = request.headers.find(kTimeoutHeader);
  if (!sent) return Deadline::after(max, request.received_at);
  std::uint32_t millis = 0;
  const char* end = sent->data() + sent->size();
  const auto [stop, error] = std::from_chars(sent->data(), end, millis);
  if (error != std::errc() || stop != end || millis == 0) {
    return fail(ErrorCode::kMalformedRequest,
                "x-request-timeout-ms must be a positive number of milliseconds",
                std::string(kTimeoutHeader));
  }
  return Deadline::after(std::min<Duration>(max, std::chrono::milliseconds(millis)),
                         request.received_at);
}

Result<policy::Tier> request_tier(const http::Request& request, std::string_view header) {
  if (request.context) return identity_of(request).tier;
  const auto named = header.empty() ? std::nullopt : request.headers.find(header);
  if (!named) return policy::Tier::kPaid;
  const auto tier = policy::tier_from_name(*named);
  if (tier && *tier != policy::Tier::kIngest) return *tier;
  return fail(ErrorCode::kInvalidField, "must be vip, paid or free", std::string(header));
}

} // namespace raglan::node

#include "balancer/members.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/log.h"
#include "http/url.h"
#include "net/pause.h"

namespace raglan::balancer {
namespace {

constexpr std::chrono::seconds kPatience{5};

HostAddress address_of(const boost::asio::ip::tcp::endpoint& endpoint) {
  HostAddress address;
  address.name = endpoint.address().is_v6()
                     ? fmt::format("[{}]:{}", endpoint.address().to_string(), endpoint.port())
                     : fmt::format("{}:{}", endpoint.address().to_string(), endpoint.port());
  std::memcpy(&address.address, endpoint.data(), endpoint.size());
  address.address_bytes = static_cast<socklen_t>(endpoint.size());
  return address;
}

bool same_addresses(const std::vector<HostAddress>& left, const std::vector<HostAddress>& right) {
  return std::ranges::equal(left, right, {}, &HostAddress::name, &HostAddress::name);
}

} // namespace

net::Task<Result<std::vector<HostAddress>>> Members::resolve(std::string url) {
  const auto parts = http::parse_url(url);
  if (!parts || parts->tls || parts->target != "/") {
    co_return fail(ErrorCode::kInvalidField, "must be http://HOST[:PORT]", "/url");
  }
  auto endpoints = co_await resolver_.resolve(parts->host, parts->port, kPatience);
  if (!endpoints) {
    Error error = endpoints.error();
    error.reason = parts->host;
    co_return std::unexpected(std::move(error));
  }
  std::vector<HostAddress> addresses;
  for (const auto& endpoint : *endpoints) addresses.push_back(address_of(endpoint));
  std::ranges::sort(addresses, {}, &HostAddress::name); // a name server gives them in turns
  co_return addresses;
}

net::Task<Result<>> Members::set(std::vector<UpstreamConfig> upstreams) {
  std::vector<Known> known;
  std::optional<Error> failure;
  std::size_t found = 0;
  for (UpstreamConfig& upstream : upstreams) {
    auto addresses = co_await resolve(upstream.url);
    if (!addresses && addresses.error().code != ErrorCode::kUnavailable) {
      co_return forward_error(addresses);
    }
    if (addresses) {
      ++found;
    } else {
      log_warning("an upstream's name cannot be looked up", {{"upstream", upstream.url}});
      failure = addresses.error();
    }
    known.push_back(
        {std::move(upstream), std::move(addresses).value_or(std::vector<HostAddress>())});
  }
  if (failure && found == 0) co_return std::unexpected(*failure);
  known_.with([&](std::vector<Known>& all) {
    all = std::move(known);
    apply(all);
  });
  co_return Result<>();
}

net::Task<Result<>> Members::add(UpstreamConfig upstream) {
  auto addresses = co_await resolve(upstream.url);
  if (!addresses) co_return forward_error(addresses);
  co_return known_.with([&](std::vector<Known>& all) -> Result<> {
    const auto found =
        std::ranges::find(all, upstream.url, [](const Known& each) { return each.upstream.url; });
    if (found == all.end() && all.size() >= kMaxUpstreams) {
      return fail(ErrorCode::kConflict, "there are as many upstreams as there may be");
    }
    Known& known = found == all.end() ? all.emplace_back() : *found;
    known = {std::move(upstream), std::move(*addresses)};
    apply(all);
    return {};
  });
}

net::Task<Result<>> Members::remove(std::string url) {
  co_return known_.with([&](std::vector<Known>& all) -> Result<> {
    if (std::erase_if(all, [&](const Known& each) { return each.upstream.url == url; }) == 0) {
      return fail(ErrorCode::kNotFound, "there is no such upstream");
    }
    apply(all);
    return {};
  });
}

std::vector<UpstreamConfig> Members::all() const {
  return known_.with([](const std::vector<Known>& all) {
    std::vector<UpstreamConfig> upstreams;
    for (const Known& each : all) upstreams.push_back(each.upstream);
    return upstreams;
  });
}

net::Task<void> Members::watch() {
  while (!stopped_) {
    if (auto waited = co_await net::pause(kResolveInterval); !waited) co_return;
    for (const UpstreamConfig& upstream : all()) {
      auto addresses = co_await resolve(upstream.url);
      if (!addresses) continue;
      known_.with([&](std::vector<Known>& all) {
        const auto found = std::ranges::find(all, upstream.url,
                                             [](const Known& each) { return each.upstream.url; });
        if (found == all.end() || same_addresses(found->addresses, *addresses)) return;
        log_info("an upstream's name has other addresses",
                 {{"upstream", upstream.url}, {"addresses", addresses->size()}});
        found->addresses = std::move(*addresses);
        apply(all);
      });
    }
  }
}

void Members::apply(const std::vector<Known>& known) {
  std::vector<Fleet::Member> members;
  for (const Known& each : known) {
    for (const HostAddress& address : each.addresses) {
      members.push_back({address, each.upstream.weight});
    }
  }
  fleet_.set(std::move(members));
}

} // namespace raglan::balancer

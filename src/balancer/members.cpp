#include "balancer/members.h"

#include <algorithm>
#include <optional>

#include "balancer/host_address.h"
#include "base/log.h"
#include "http/url.h"
#include "net/detach.h"
#include "net/pause.h"

namespace raglan::balancer {
namespace {

constexpr std::chrono::seconds kPatience{5};

} // namespace

net::Task<Result<std::vector<HostAddress>>> Members::resolve(std::string url) {
  const auto parts = http::parse_url(url);
  if (!parts || parts->tls || parts->target != "/") {
    co_return fail(ErrorCode::kInvalidField,
                   "must be http://HOST[:PORT], or kubernetes://NAMESPACE/SERVICE:PORT", "/url");
  }
  auto endpoints = co_await resolver_.resolve(parts->host, parts->port, kPatience);
  if (!endpoints) {
    Error error = endpoints.error();
    error.reason = parts->host;
    co_return std::unexpected(std::move(error));
  }
  std::vector<HostAddress> addresses;
  for (const auto& endpoint : *endpoints) addresses.push_back(host_address(endpoint));
  std::ranges::sort(addresses, {}, &HostAddress::name); // a name server gives them in turns
  co_return addresses;
}

Result<Members::Known> Members::known_of(UpstreamConfig upstream) const {
  Known known{std::move(upstream), {}, nullptr};
  if (!is_kubernetes_url(known.upstream.url)) return known;
  auto service = parse_kubernetes_url(known.upstream.url);
  if (!service) return forward_error(service);
  if (!cluster_) return std::unexpected(cluster_.error());
  known.endpoints = std::make_shared<KubernetesEndpoints>(std::move(*service), cluster_->access,
                                                          cluster_->client, cluster_->clock);
  return known;
}

net::Task<Result<std::vector<HostAddress>>> Members::look_up(const Known& known) {
  if (known.endpoints) co_return co_await known.endpoints->list();
  co_return co_await resolve(known.upstream.url);
}

net::Task<Result<>> Members::set(std::vector<UpstreamConfig> upstreams) {
  std::vector<Known> known;
  std::optional<Error> failure;
  std::size_t found = 0;
  for (UpstreamConfig& upstream : upstreams) {
    auto each = known_of(std::move(upstream));
    if (!each) co_return forward_error(each);
    auto addresses = co_await look_up(*each);
    if (!addresses && addresses.error().code != ErrorCode::kUnavailable) {
      co_return forward_error(addresses);
    }
    if (addresses) {
      ++found;
      each->addresses = std::move(*addresses);
    } else {
      log_warning("an upstream's addresses cannot be had",
                  {{"upstream", each->upstream.url}, {"reason", explain(addresses.error())}});
      failure = addresses.error();
    }
    known.push_back(std::move(*each));
  }
  if (failure && found == 0) co_return std::unexpected(*failure);
  std::vector<std::shared_ptr<KubernetesEndpoints>> followed;
  for (const Known& each : known) {
    if (each.endpoints) followed.push_back(each.endpoints);
  }
  known_.with([&](std::vector<Known>& all) {
    std::swap(all, known);
    apply(all);
  });
  for (const Known& each : known) {
    if (each.endpoints) each.endpoints->stop(); // of what was there before
  }
  co_await begin_to_follow(std::move(followed));
  co_return Result<>();
}

net::Task<Result<>> Members::add(UpstreamConfig upstream) {
  const auto url_of = [](const Known& each) { return each.upstream.url; };
  // One that is watched already is not asked for again.
  const bool watched = known_.with([&](std::vector<Known>& all) {
    const auto found = std::ranges::find(all, upstream.url, url_of);
    if (found == all.end() || !found->endpoints) return false;
    found->upstream.weight = upstream.weight;
    apply(all);
    return true;
  });
  if (watched) co_return Result<>();
  auto added = known_of(std::move(upstream));
  if (!added) co_return forward_error(added);
  auto addresses = co_await look_up(*added);
  if (!addresses) co_return forward_error(addresses);
  added->addresses = std::move(*addresses);
  const auto endpoints = added->endpoints;
  auto put = known_.with([&](std::vector<Known>& all) -> Result<> {
    const auto found = std::ranges::find(all, added->upstream.url, url_of);
    if (found == all.end() && all.size() >= kMaxUpstreams) {
      return fail(ErrorCode::kConflict, "there are as many upstreams as there may be");
    }
    std::swap(found == all.end() ? all.emplace_back() : *found, *added);
    apply(all);
    return {};
  });
  if (!put) co_return forward_error(put);
  if (added->endpoints) added->endpoints->stop(); // another PUT of it was quicker
  if (endpoints) co_await begin_to_follow({endpoints});
  co_return Result<>();
}

net::Task<Result<>> Members::remove(std::string url) {
  std::vector<Known> removed;
  known_.with([&](std::vector<Known>& all) {
    std::erase_if(all, [&](const Known& each) {
      if (each.upstream.url != url) return false;
      removed.push_back(each);
      return true;
    });
    if (!removed.empty()) apply(all);
  });
  if (removed.empty()) co_return fail(ErrorCode::kNotFound, "there is no such upstream");
  for (const Known& each : removed) {
    if (each.endpoints) each.endpoints->stop();
  }
  co_return Result<>();
}

net::Task<void> Members::begin_to_follow(
    std::vector<std::shared_ptr<KubernetesEndpoints>> endpoints) {
  const auto loop = co_await boost::asio::this_coro::executor;
  for (auto& each : endpoints) {
    if (stopped_) each->stop(); // it was not there yet when the others were stopped
    net::detach(loop, follow(std::move(each)));
  }
}

net::Task<void> Members::follow(std::shared_ptr<KubernetesEndpoints> endpoints) {
  auto take = [this, endpoints = endpoints.get()](std::vector<HostAddress> hosts) {
    known_.with([&](std::vector<Known>& all) {
      const auto found =
          std::ranges::find(all, endpoints, [](const Known& each) { return each.endpoints.get(); });
      if (found == all.end()) return; // it was taken out
      log_info("an upstream's Service has other endpoints",
               {{"upstream", found->upstream.url}, {"addresses", hosts.size()}});
      found->addresses = std::move(hosts);
      apply(all);
    });
  };
  co_await endpoints->watch(std::move(take));
}

void Members::stop() {
  stopped_ = true;
  std::vector<std::shared_ptr<KubernetesEndpoints>> watched;
  known_.with([&](const std::vector<Known>& all) {
    for (const Known& each : all) {
      if (each.endpoints) watched.push_back(each.endpoints);
    }
  });
  for (const auto& each : watched) each->stop();
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
      if (is_kubernetes_url(upstream.url)) continue; // watched
      auto addresses = co_await resolve(upstream.url);
      if (!addresses) continue;
      known_.with([&](std::vector<Known>& all) {
        const auto found = std::ranges::find(all, upstream.url,
                                             [](const Known& each) { return each.upstream.url; });
        if (found == all.end() || same_hosts(found->addresses, *addresses)) return;
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

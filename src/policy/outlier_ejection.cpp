#include "policy/outlier_ejection.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace raglan::policy {

std::string ejection_reason(const Ejection& ejection) {
  return fmt::format("{} failures in a row: {} answers 5xx, {} connections lost",
                     ejection.server_errors + ejection.connections_lost, ejection.server_errors,
                     ejection.connections_lost);
}

std::vector<std::uint64_t> OutlierEjection::set_hosts(std::span<const std::uint64_t> hosts,
                                                      MonotonicTime now) {
  std::vector<Host> next;
  next.reserve(hosts.size());
  for (const std::uint64_t id : hosts) {
    const Host* known = find(id);
    next.push_back(known != nullptr ? *known : Host{.id = id});
  }
  hosts_ = std::move(next);

  std::vector<std::uint64_t> back;
  while (ejected_count(now) > max_ejected()) {
    const auto first = std::ranges::min_element(hosts_, {}, [now](const Host& host) {
      return host.ejected(now) ? host.last->until : MonotonicTime::max();
    });
    first->last->until = now;
    back.push_back(first->id);
  }
  return back;
}

std::optional<Ejection> OutlierEjection::ended(std::uint64_t id, ExchangeEnd end,
                                               MonotonicTime now) {
  const auto host = std::ranges::find(hosts_, id, &Host::id);
  if (!config_.enabled || host == hosts_.end() || host->ejected(now)) return std::nullopt;
  switch (end) {
    case ExchangeEnd::kAnswered:
      host->server_errors = host->connections_lost = 0;
      return std::nullopt;
    case ExchangeEnd::kServerError: ++host->server_errors; break;
    case ExchangeEnd::kConnectionLost: ++host->connections_lost; break;
  }
  if (host->server_errors + host->connections_lost < config_.consecutive_failures) {
    return std::nullopt;
  }
  if (ejected_count(now) >= max_ejected()) {
    ++host->spared;
    return std::nullopt;
  }
  eject(*host, now);
  return host->last;
}

bool OutlierEjection::ejected(std::uint64_t id, MonotonicTime now) const {
  const Host* host = find(id);
  return host != nullptr && host->ejected(now);
}

OutlierEjection::Status OutlierEjection::status(std::uint64_t id, MonotonicTime now) const {
  const Host* host = find(id);
  if (host == nullptr) return {};
  return {.ejected = host->ejected(now),
          .failures_in_a_row = host->server_errors + host->connections_lost,
          .multiple = multiple(*host, now),
          .ejections = host->ejections,
          .spared = host->spared,
          .last = host->last};
}

const OutlierEjection::Host* OutlierEjection::find(std::uint64_t id) const {
  const auto host = std::ranges::find(hosts_, id, &Host::id);
  return host == hosts_.end() ? nullptr : &*host;
}

// Of its latest ejection, less the base intervals since it was back.
std::size_t OutlierEjection::multiple(const Host& host, MonotonicTime now) const {
  if (!host.last) return 0;
  if (host.ejected(now)) return host.last->multiple;
  const auto intervals =
      static_cast<std::size_t>((now - host.last->until) / config_.base_ejection_time);
  return host.last->multiple - std::min(host.last->multiple, intervals);
}

std::size_t OutlierEjection::ejected_count(MonotonicTime now) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(hosts_, [now](const Host& host) { return host.ejected(now); }));
}

std::size_t OutlierEjection::max_ejected() const {
  constexpr double kRounding = 1e-9; // 0.29 of 100 is 29
  return static_cast<std::size_t>(config_.max_ejected_ratio * static_cast<double>(hosts_.size()) +
                                  kRounding);
}

void OutlierEjection::eject(Host& host, MonotonicTime now) const {
  // As many as make the longest ejection: more would only be remembered for longer.
  const auto enough = static_cast<std::size_t>(
      (config_.max_ejection_time + config_.base_ejection_time - std::chrono::milliseconds(1)) /
      config_.base_ejection_time);
  const std::size_t times = std::min(multiple(host, now) + 1, enough);
  const auto lasts = std::min(config_.base_ejection_time * static_cast<std::int64_t>(times),
                              config_.max_ejection_time);
  host.last = Ejection{.host = host.id,
                       .server_errors = std::exchange(host.server_errors, 0),
                       .connections_lost = std::exchange(host.connections_lost, 0),
                       .multiple = times,
                       .at = now,
                       .until = now + lasts};
  ++host.ejections;
}

} // namespace raglan::policy

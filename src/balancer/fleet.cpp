#include "balancer/fleet.h"

#include <algorithm>

#include "base/log.h"

namespace raglan::balancer {
namespace {

using policy::HealthState;

std::optional<std::size_t> place_of(const Hosts& hosts, const Host& host) {
  const auto found = std::ranges::find(hosts, &host, [](const auto& each) { return each.get(); });
  if (found == hosts.end()) return std::nullopt;
  return static_cast<std::size_t>(found - hosts.begin());
}

} // namespace

std::shared_ptr<const Hosts> Fleet::hosts() const {
  return state_.with([](const State& state) { return state.hosts; });
}

bool Fleet::has(const Host& host) const { return place_of(*hosts(), host).has_value(); }

void Fleet::set(std::vector<Member> members) {
  const MonotonicTime now = clock_.now();
  state_.with([&](State& state) {
    Hosts next;
    std::vector<policy::HostHealth> health;
    std::vector<bool> founding;
    std::vector<std::uint64_t> ids;
    for (Member& member : members) {
      const auto same = [&](const std::shared_ptr<Host>& host) {
        return host->address.name == member.address.name;
      };
      if (std::ranges::any_of(next, same)) continue;
      const auto known = std::ranges::find_if(*state.hosts, same);
      if (known == state.hosts->end()) {
        next.push_back(std::make_shared<Host>(std::move(member.address), member.weight));
        health.push_back(thresholds_ ? policy::HostHealth(*thresholds_)
                                     : policy::HostHealth({}, HealthState::kWell));
        founding.push_back(state.hosts->empty());
      } else {
        (*known)->weight = member.weight;
        const auto place = static_cast<std::size_t>(known - state.hosts->begin());
        next.push_back(*known);
        health.push_back(state.health[place]);
        founding.push_back(state.founding[place]);
      }
      ids.push_back(next.back()->id);
    }
    state.hosts = std::make_shared<const Hosts>(std::move(next));
    state.health = std::move(health);
    state.founding = std::move(founding);
    (void)state.ejections.set_hosts(ids, now);
    turn(state, now);
    version_.fetch_add(1, std::memory_order_release);
  });
}

HealthState Fleet::note_check(const Host& host, const Result<>& well) {
  return state_.with([&](State& state) {
    const auto place = place_of(*state.hosts, host);
    if (!place) return HealthState::kUnknown;
    policy::HostHealth& health = state.health[*place];
    if (health.checked(well.has_value())) {
      if (health.well()) {
        log_info("a node is well", {{"host", host.address.name}});
      } else {
        log_warning("a node is not well", {{"host", host.address.name},
                                           {"checks", health.in_a_row()},
                                           {"reason", explain(well.error())}});
      }
      turn(state, clock_.now());
    }
    return health.state();
  });
}

void Fleet::note_not_ready(const Host& host) {
  if (!thresholds_) return; // nobody would ask when it is
  state_.with([&](State& state) {
    const auto place = place_of(*state.hosts, host);
    if (!place || !state.health[*place].well()) return;
    log_info("a node says that it is not ready", {{"host", host.address.name}});
    state.health[*place] = policy::HostHealth(*thresholds_);
    turn(state, clock_.now());
  });
}

HealthState Fleet::health(const Host& host) const {
  return state_.with([&](const State& state) {
    const auto place = place_of(*state.hosts, host);
    return place ? state.health[*place].state() : HealthState::kUnknown;
  });
}

void Fleet::note_noteworthy_end(Host& host, policy::ExchangeEnd end, MonotonicTime now) {
  state_.with([&](State& state) {
    host.failing = end != policy::ExchangeEnd::kAnswered;
    const auto ejection = state.ejections.ended(host.id, end, now);
    if (!ejection) return;
    log_warning("a node is left out for a while",
                {{"host", host.address.name},
                 {"seconds", std::chrono::duration<double>(ejection->until - ejection->at).count()},
                 {"reason", policy::ejection_reason(*ejection)}});
    turn(state, now);
  });
}

void Fleet::bring_back(MonotonicTime now) {
  state_.with([&](State& state) { turn(state, now); });
}

Fleet::Status Fleet::status(const Host& host) const {
  return state_.with([&](const State& state) {
    const auto place = place_of(*state.hosts, host);
    if (!place) return Status{};
    return Status{state.health[*place].state(), state.ejections.status(host.id, clock_.now())};
  });
}

// Who is in rotation, and until when that stays so.
void Fleet::turn(State& state, MonotonicTime now) {
  std::vector<bool> healthy(state.health.size());
  MonotonicTime next_return = MonotonicTime::max();
  for (std::size_t i = 0; i < healthy.size(); ++i) {
    const auto ejection = state.ejections.status((*state.hosts)[i]->id, now);
    healthy[i] = state.health[i].well() && !ejection.ejected;
    if (ejection.ejected) next_return = std::min(next_return, ejection.last->until);
  }
  const auto count = static_cast<std::size_t>(std::ranges::count(healthy, true));
  const auto checked = static_cast<std::size_t>(std::ranges::count_if(
      state.health, [](const auto& each) { return each.state() != HealthState::kUnknown; }));
  const policy::Rotation rotation = policy::rotation(count, checked);
  const bool panic = rotation == policy::Rotation::kPanic;
  if (panicking_.exchange(panic) != panic) {
    log_warning(panic ? "too few nodes are healthy: all are used" : "enough nodes are healthy",
                {{"healthy", count}, {"nodes", healthy.size()}});
  }
  for (std::size_t i = 0; i < healthy.size(); ++i) {
    Host& host = *(*state.hosts)[i];
    const bool in_rotation = rotation != policy::Rotation::kHealthy || healthy[i];
    if (in_rotation && !host.in_rotation && !state.founding[i]) host.joined_at = now;
    if (healthy[i]) state.founding[i] = false;
    host.in_rotation = in_rotation;
  }
  next_return_ = next_return;
}

} // namespace raglan::balancer

#include "policy/fair_queue.h"

#include <algorithm>

namespace raglan::policy {

void FairQueue::push(Entry entry) {
  const auto at = tenants_.try_emplace(entry.tenant).first;
  Named& tenant = *at;
  const std::uint64_t id = entry.id;
  if (tenant.second.ids.empty()) {
    ahead_.erase({tenant.second.start, tenant.second.order, &tenant});
    tenant.second.start = std::max(tenant.second.start, virtual_time_);
    tenant.second.order = ++last_order_;
  } else {
    leave(tenant);
  }
  tenant.second.ids.insert(id);
  tenant.second.cost += entry.cost;
  cost_ += entry.cost;
  urgent_.emplace(entry.latest_start, id);
  entries_.emplace_hint(entries_.end(), id, std::move(entry));
  enter(tenant);
}

std::optional<FairQueue::Entry> FairQueue::pop(bool newest_first) {
  if (entries_.empty()) return std::nullopt;
  const auto& turn = *turns_.begin();
  virtual_time_ = turn.key;
  const auto& ids = turn.tenant->second.ids;
  const auto at = entries_.find(newest_first ? *ids.rbegin() : *ids.begin());
  return take(at, at->second.cost);
}

std::optional<FairQueue::Entry> FairQueue::remove(std::uint64_t id) {
  const auto at = entries_.find(id);
  if (at == entries_.end()) return std::nullopt;
  return take(at, 0);
}

FairQueue::Entry FairQueue::take(std::map<std::uint64_t, Entry>::iterator at, double charge) {
  Entry entry = std::move(at->second);
  entries_.erase(at);
  urgent_.erase({entry.latest_start, entry.id});
  Named& tenant = *tenants_.find(entry.tenant);
  leave(tenant);
  tenant.second.ids.erase(entry.id);
  tenant.second.start += charge;
  // Sums of what is there, so that rounding cannot pile up in them.
  tenant.second.cost = tenant.second.ids.empty() ? 0 : tenant.second.cost - entry.cost;
  cost_ = entries_.empty() ? 0 : cost_ - entry.cost;
  enter(tenant);
  forget();
  return entry;
}

std::size_t FairQueue::waiting_of(std::string_view tenant) const {
  const auto at = tenants_.find(tenant);
  return at == tenants_.end() ? 0 : at->second.ids.size();
}

double FairQueue::cost_of(std::string_view tenant) const {
  const auto at = tenants_.find(tenant);
  return at == tenants_.end() ? 0 : at->second.cost;
}

std::pair<std::uint64_t, std::size_t> FairQueue::newest_of_largest() const {
  if (sizes_.empty()) return {0, 0};
  const auto& largest = *sizes_.rbegin();
  return {*largest.tenant->second.ids.rbegin(), largest.key};
}

// Out of the orders, which are by what is about to change.
void FairQueue::leave(Named& tenant) {
  const Tenant& state = tenant.second;
  turns_.erase({state.start, state.order, &tenant});
  sizes_.erase({state.ids.size(), state.order, &tenant});
}

void FairQueue::enter(Named& tenant) {
  const Tenant& state = tenant.second;
  if (state.ids.empty()) {
    ahead_.insert({state.start, state.order, &tenant});
  } else {
    turns_.insert({state.start, state.order, &tenant});
    sizes_.insert({state.ids.size(), state.order, &tenant});
  }
}

// Drops tenants that wait for nothing and have nothing to make up for.
void FairQueue::forget() {
  const bool idle = entries_.empty();
  while (!ahead_.empty() &&
         (idle || ahead_.begin()->key <= virtual_time_ || ahead_.size() > kMaxRemembered)) {
    Named* tenant = ahead_.begin()->tenant;
    ahead_.erase(ahead_.begin());
    tenants_.erase(tenants_.find(tenant->first));
  }
  if (idle) virtual_time_ = 0; // nobody is left to whom it means something
}

} // namespace raglan::policy

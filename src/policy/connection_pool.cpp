#include "policy/connection_pool.h"

#include <algorithm>

namespace raglan::policy {
namespace {

constexpr MonotonicTime kBeingOpened = MonotonicTime::max();

} // namespace

ConnectionPool::Grant ConnectionPool::check_out(MonotonicTime now) {
  if (waiting_.empty() && !idle_.empty()) return take_idle(now);
  if (waiting_.empty() && opened_at_.size() < config_.pool_size + config_.max_overflow) {
    return open_in(++last_id_);
  }
  if (waiting_.size() >= config_.max_waiting) {
    ++counts_.refused;
    return {};
  }
  waiting_.push_back({++last_id_, now});
  return {Kind::kWait, 0, last_id_};
}

ConnectionPool::Return ConnectionPool::check_in(Slot slot, bool usable, MonotonicTime now) {
  const auto found = opened_at_.find(slot);
  if (found == opened_at_.end()) return {};
  Return returned;
  if (!waiting_.empty()) {
    const Waiter first = waiting_.front().id;
    waiting_.pop_front();
    returned.next = usable ? grant(slot, now) : open_in(slot);
    returned.next->waiter = first;
    return returned;
  }
  // Like SQLAlchemy's, the pool keeps what comes back first, whether it once was overflow or not.
  returned.close = !usable || idle_.size() >= config_.pool_size;
  if (returned.close) {
    opened_at_.erase(found);
  } else {
    idle_.push_back(slot);
  }
  return returned;
}

void ConnectionPool::opened(Slot slot, MonotonicTime now) {
  const auto found = opened_at_.find(slot);
  if (found == opened_at_.end()) return;
  found->second = now;
  ++counts_.opened;
}

ConnectionPool::Grant ConnectionPool::wait_instead(Slot slot, MonotonicTime now) {
  ++counts_.server_full;
  const bool others =
      std::ranges::any_of(opened_at_, [](const auto& each) { return each.second != kBeingOpened; });
  if (!others) return {};
  opened_at_.erase(slot);
  if (!idle_.empty()) return take_idle(now);
  waiting_.push_front({++last_id_, now});
  return {Kind::kWait, 0, last_id_};
}

bool ConnectionPool::cancel(Waiter waiter) {
  return std::erase_if(waiting_, [waiter](const Waiting& each) { return each.id == waiter; }) > 0;
}

std::vector<ConnectionPool::Waiter> ConnectionPool::expire(MonotonicTime now) {
  std::vector<Waiter> expired;
  while (!waiting_.empty() && now - waiting_.front().since >= config_.pool_timeout) {
    expired.push_back(waiting_.front().id);
    waiting_.pop_front();
  }
  counts_.timeouts += expired.size();
  return expired;
}

std::optional<MonotonicTime> ConnectionPool::next_expiry() const {
  if (waiting_.empty()) return std::nullopt;
  return waiting_.front().since + config_.pool_timeout;
}

void ConnectionPool::invalidate(MonotonicTime now) { invalid_until_ = now; }

ConnectionPoolStatus ConnectionPool::status() const {
  ConnectionPoolStatus status = counts_;
  status.open = opened_at_.size();
  status.idle = idle_.size();
  status.waiting = waiting_.size();
  status.overflow = status.open - std::min(status.open, config_.pool_size);
  return status;
}

bool ConnectionPool::is_stale(Slot slot, MonotonicTime now) const {
  const MonotonicTime opened = opened_at_.at(slot);
  return now - opened >= config_.pool_recycle || (invalid_until_ && opened <= *invalid_until_);
}

ConnectionPool::Grant ConnectionPool::take_idle(MonotonicTime now) {
  const Slot slot = idle_.front();
  idle_.pop_front();
  return grant(slot, now);
}

ConnectionPool::Grant ConnectionPool::grant(Slot slot, MonotonicTime now) {
  if (!is_stale(slot, now)) return {Kind::kReuse, slot, 0};
  ++counts_.recycled;
  return open_in(slot);
}

ConnectionPool::Grant ConnectionPool::open_in(Slot slot) {
  opened_at_[slot] = kBeingOpened;
  return {Kind::kOpen, slot, 0};
}

} // namespace raglan::policy

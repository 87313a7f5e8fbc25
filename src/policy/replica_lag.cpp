#include "policy/replica_lag.h"

#include <algorithm>

namespace raglan::policy {

void ReplicaLag::primary_at(std::uint64_t position, MonotonicTime at) {
  if (applied_ > position) strayed_ = true;
  if (newest_ && position < *newest_) {
    newest_.reset();
    reached_.reset();
    ahead_.clear();
  }
  if (newest_ == position) { // it was there until now
    (ahead_.empty() ? *reached_ : ahead_.back()).last = at;
    return;
  }
  newest_ = position;
  if (ahead_.size() == kMaxLooks) thin_out();
  ahead_.push_back({position, at, at});
}

void ReplicaLag::applied(std::uint64_t position) {
  if (position < applied_) strayed_ = false; // it was made anew
  applied_ = position;
  while (!ahead_.empty() && ahead_.front().position <= position) {
    reached_ = ahead_.front();
    ahead_.pop_front();
  }
  if (!reached_ || ahead_.empty()) return;
  // Between two looks.
  const Look& next = ahead_.front();
  if (position <= reached_->position) return;
  const double share = static_cast<double>(position - reached_->position) /
                       static_cast<double>(next.position - reached_->position);
  const std::chrono::duration<double> between = next.first - reached_->last;
  const MonotonicTime then = reached_->last + std::chrono::duration_cast<Duration>(share * between);
  reached_ = {position, then, then};
}

std::optional<Duration> ReplicaLag::behind(MonotonicTime now) const {
  if (!reached_) return std::nullopt;
  if (ahead_.empty()) return Duration::zero();
  return std::max(Duration::zero(), now - reached_->last);
}

// The newest stays.
void ReplicaLag::thin_out() {
  std::deque<Look> kept;
  for (std::size_t i = 1; i < ahead_.size(); i += 2) kept.push_back(ahead_[i]);
  ahead_ = std::move(kept);
}

} // namespace raglan::policy

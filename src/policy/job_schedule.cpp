#include "policy/job_schedule.h"

#include <tuple>
#include <utility>

namespace raglan::policy {

void JobSchedule::see(std::vector<QueuedJob> jobs, MonotonicTime now) {
  const bool was_away = now - now_ > lease_ / 2;
  now_ = now;
  std::map<Key, Seen> seen;
  for (QueuedJob& job : jobs) {
    Key key{job.tenant, job.id};
    const auto before = seen_.find(key);
    const bool stands =
        !was_away && before != seen_.end() && before->second.job.version == job.version;
    const MonotonicTime since = stands ? before->second.since : now;
    seen.emplace(std::move(key), Seen{std::move(job), since});
  }
  seen_ = std::move(seen);
  std::erase_if(resting_, [now](const auto& each) { return each.second <= now; });
}

void JobSchedule::rest(const QueuedJob& job, MonotonicTime until) {
  resting_.insert_or_assign(Key{job.tenant, job.id}, until);
}

bool JobSchedule::is_held(const Seen& seen) const {
  return seen.job.is_leased && now_ - seen.since < lease_;
}

std::optional<QueuedJob> JobSchedule::next() const {
  std::map<std::string_view, std::size_t> under_way;
  for (const auto& [key, seen] : seen_) under_way[seen.job.tenant] += is_held(seen) ? 1 : 0;
  const auto rank = [&](const Seen& seen) {
    return std::tuple(under_way.at(seen.job.tenant), std::string_view(seen.job.id));
  };
  const Seen* best = nullptr;
  for (const auto& [key, seen] : seen_) {
    const bool free = !is_held(seen) && !resting_.contains(key);
    if (free && (best == nullptr || rank(seen) < rank(*best))) best = &seen;
  }
  return best == nullptr ? std::nullopt : std::optional(best->job);
}

} // namespace raglan::policy

// Which of the queued jobs a node works on next.
//
//   JobSchedule schedule(config.lease);
//   schedule.see(jobs, now);              // all that are queued, at each look
//   if (const auto job = schedule.next()) …claim it…
//
// A job that a node works on is leased to it: the node changes the lease's version every third of
// the lease. One whose version has stood for a whole lease has lost its node, and is free. Only
// this observer's own clock decides that, so clocks of nodes need not agree (as in Kubernetes'
// leader election). Time in which nobody looked does not count: whatever kept this one from looking
// has perhaps kept the holder from renewing. Who still works on a job that was taken over is kept
// from writing by other means (store::RecordGuard).
//
// Of the free ones the next is of the tenant for whom the fewest are worked on; of these the
// oldest, as their ids sort by time. So one tenant's thousand jobs delay another's one by no more
// than one.
//
// Thread safety: none.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"

namespace raglan::policy {

struct QueuedJob {
  std::string tenant;
  std::string id;            // of one tenant unlike any other
  bool is_leased = false;    // some node says that it works on it
  std::uint64_t version = 0; // of that
  std::uint64_t bytes = 0;   // of its documents, when it came
};

class JobSchedule {
 public:
  explicit JobSchedule(Duration lease) : lease_(lease) {}

  void see(std::vector<QueuedJob> jobs, MonotonicTime now);
  // Of those that were last seen, at that time; nothing: none is free. The same one until they are
  // seen anew.
  std::optional<QueuedJob> next() const;
  // It is not free to this node until then: others may have more luck with it.
  void rest(const QueuedJob& job, MonotonicTime until);
  std::size_t queued() const { return seen_.size(); }

 private:
  struct Seen {
    QueuedJob job;
    MonotonicTime since; // when this version was seen first
  };
  using Key = std::pair<std::string, std::string>; // tenant and id

  bool is_held(const Seen& seen) const;

  const Duration lease_;
  MonotonicTime now_{};
  std::map<Key, Seen> seen_;
  std::map<Key, MonotonicTime> resting_; // until when
};

} // namespace raglan::policy

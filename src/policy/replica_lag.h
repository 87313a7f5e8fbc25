// How far a replica of a log is behind its primary, in time, though neither says so.
//
// A log has positions, and whoever watches both ends sees where each is: the primary at a moment,
// and, later, how much of that the replica has applied. The lag is the age of the moment in which
// the primary was where the replica is now; between two looks at the primary its log is taken to
// have grown evenly. No clock but the watcher's is needed, a primary that is idle makes no lag, and
// one that nobody receives from does (what the time of the last replayed transaction gets wrong,
// and comparing what was received with what was replayed).
//
//   lag.primary_at(position, before);          // each time before the replica is asked
//   lag.applied(position);
//   if (auto behind = lag.behind(now)) …       // empty: it has not reached any look at the primary
//
// Memory is bounded: of a replica that stands still, looks are thinned out.
//
// Thread safety: none.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "base/clock.h"

namespace raglan::policy {

class ReplicaLag {
 public:
  static constexpr std::size_t kMaxLooks = 64; // that it has not reached yet

  // A position lower than the last is of a log that began anew: looks before it are forgotten.
  void primary_at(std::uint64_t position, MonotonicTime at);
  void applied(std::uint64_t position);
  // Zero: it has all that the primary had at the last look.
  std::optional<Duration> behind(MonotonicTime now) const;
  // It has more than the primary had later: its log is another one. For as long as it has it.
  bool strayed() const { return strayed_; }

 private:
  struct Look {
    std::uint64_t position = 0;
    MonotonicTime first{}; // that the primary was seen there
    MonotonicTime last{};
  };

  void thin_out();

  std::optional<std::uint64_t> newest_; // of the primary
  std::uint64_t applied_ = 0;
  bool strayed_ = false;
  std::optional<Look> reached_;
  std::deque<Look> ahead_; // ascending
};

} // namespace raglan::policy

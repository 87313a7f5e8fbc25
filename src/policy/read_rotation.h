// Which replica of a database a read goes to.
//
// In rotation is a replica that was last seen to be one, of the right database, and no further
// behind than `max_replica_lag`; back from behind is one that has caught up to half of that, so
// that one at the limit does not come and go. Whoever asks may leave out more (whose circuit
// breaker is open).
//
// Among those, two at random are compared, and the one with the lower expected wait gets the read:
// latency × (reads in flight + 1). (Mitzenmacher, "The Power of Two Choices in Randomized Load
// Balancing", 2001; the product is Finagle's.) Always taking the best of all would send every node
// to the same one at once. The latency is an average in which a read of kMemory ago weighs 1/e of
// one now; in comparing it fades while there are no reads, so that one slow answer does not keep a
// replica idle.
//
// A read should wait for a replica no longer than kPatienceFactor times that, and at least
// kLeastPatience: then there is the primary.
//
// Thread safety: none; one for a database belongs into a Guarded<ReadRotation>. `now` that runs
// backwards makes averages a little older, and nothing worse.
//
//   if (const auto replica = rotation.choose(usable, now, rng)) …   // counts as in flight
//   rotation.ended(*replica, took, ok, now);
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/rng.h"
#include "config/table.h"

namespace raglan::policy {

struct ReadRotationConfig {
  std::chrono::milliseconds max_replica_lag{10'000};
};

inline void describe(config::Table<ReadRotationConfig>& table) {
  using std::chrono::milliseconds;
  table
      .field("max_replica_lag", &ReadRotationConfig::max_replica_lag,
             "how far a replica may be behind the primary and still be asked; what it lacks is "
             "read on the primary in any case")
      .min(milliseconds(100))
      .max(std::chrono::hours(1));
}

enum class ReplicaState : std::uint8_t {
  kJoining,     // nothing is known of it yet, or not how far behind it is
  kServing,     // in rotation
  kLagging,     // too far behind
  kUnreachable, // it did not answer
  kPromoted,    // it is no replica (any more)
  kStranger,    // it is of another database
};
std::string_view replica_state_name(ReplicaState state); // "joining", …

// What a look at a replica came to.
struct ReplicaLook {
  bool answered = false;
  bool replicates = false;        // it is in recovery
  bool ours = false;              // of the primary's database
  std::optional<Duration> behind; // empty: not known
};

class ReadRotation {
 public:
  static constexpr std::chrono::seconds kMemory{5};
  static constexpr std::chrono::microseconds kLeastLatency{100}; // below which all are alike
  static constexpr int kPatienceFactor = 20;
  static constexpr std::chrono::seconds kLeastPatience{2};

  ReadRotation(std::size_t replicas, ReadRotationConfig config)
      : config_(config), replicas_(replicas) {}

  // The state before, and from now on.
  struct Change {
    ReplicaState before = ReplicaState::kJoining;
    ReplicaState after = ReplicaState::kJoining;
    bool changed() const { return before != after; }
  };
  Change seen(std::size_t replica, const ReplicaLook& look);

  // Empty: none is in rotation.
  std::optional<std::size_t> choose(const std::function<bool(std::size_t)>& usable,
                                    MonotonicTime now, Rng& rng);
  void ended(std::size_t replica, Duration took, bool answered, MonotonicTime now);
  // Nobody waited for the end.
  void left(std::size_t replica) { --replicas_.at(replica).in_flight; }
  Duration patience(std::size_t replica) const;

  struct Status {
    ReplicaState state = ReplicaState::kJoining;
    std::optional<Duration> behind; // at the last look
    std::size_t in_flight = 0;
  };
  Status status(std::size_t replica) const;

 private:
  struct Replica {
    ReplicaState state = ReplicaState::kJoining;
    std::optional<Duration> behind;
    std::size_t in_flight = 0;
    double latency_ns = 0;
    std::optional<MonotonicTime> at; // the last read's end
  };

  ReplicaState judge(ReplicaState before, const ReplicaLook& look) const;
  static double faded_latency_ns(const Replica& replica, MonotonicTime now);
  static double expected_wait(const Replica& replica, MonotonicTime now);

  const ReadRotationConfig config_;
  std::vector<Replica> replicas_;
};

} // namespace raglan::policy

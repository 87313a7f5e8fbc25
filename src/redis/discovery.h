// Finds out which servers there are, at first and whenever that may have changed. Internal to
// redis/; sentinels.h and cluster_map.h say whom it asks.
//
// It asks when the first command needs a server, and again when something was seen that says that
// its answer may be out of date: a server that fails or cannot be reached, MOVED, CLUSTERDOWN,
// READONLY, with sentinels NOREPLICAS. That is at most once every kPause, in the background:
// commands go on with what is known, and fail where that is wrong. Sentinels are asked every
// kPeriod besides: a master that they have given up may still answer those on its side of a cut
// network. (A subscription to their +switch-master would need a connection to each of them all the
// time, to know the same seconds earlier at best; where a failover matters, the commands themselves
// have failed.)
//
// Only the very first answer is waited for, by commands within their time limit, at most
// `max_waiting` of them. Once asking has failed before anything was known, commands fail at once
// until it succeeds.
//
// Thread safety: `topology` on any of the client's loops, `refresh` on any thread; `stop` belongs
// to the loop that it lives on, or comes when that no longer runs.
#pragma once

#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/deadline.h"
#include "base/guarded.h"
#include "net/completion.h"
#include "net/event_loops.h"
#include "redis/cluster_map.h"
#include "redis/inquiry.h"
#include "redis/sentinels.h"

namespace raglan::redis {

class Discovery : public std::enable_shared_from_this<Discovery> {
 public:
  static constexpr std::chrono::milliseconds kPause{500};
  static constexpr std::chrono::seconds kPeriod{10};
  static constexpr std::size_t kLoop = 0; // that it lives on

  // `on_changed` is called on that loop when there is another topology, or servers are no more.
  Discovery(std::shared_ptr<ClientShared> shared, net::EventLoops& loops,
            std::function<void()> on_changed);

  // What is known, or else what is found out by `limit`. Errors: kUnavailable, kDeadlineExceeded,
  // kOverloaded, kClientClosed.
  net::Task<Result<TopologyPtr>> topology(Deadline limit);
  // What is known may be wrong.
  void refresh();
  void stop();

 private:
  using Waiter = net::Completion<TopologyPtr>;

  void wait(Waiter waiter);
  // Asks as soon as it may.
  void begin();
  void begin_in(Duration pause);
  static net::Task<> run(std::shared_ptr<Discovery> self);
  net::Task<Result<Whereabouts>> find();
  void take(Result<Whereabouts> found);
  // In the log; but not each slot that is moved.
  void note_change(const Topology* before, const Topology& topology) const;

  const std::shared_ptr<ClientShared> shared_;
  net::EventLoops& loops_;
  const std::function<void()> on_changed_;
  Inquiry inquiry_;
  Sentinels sentinels_;
  ClusterMap cluster_;
  boost::asio::steady_timer timer_;
  std::vector<Waiter> waiters_;
  bool asking_ = false;
  bool periodic_ = false; // nothing was seen that had it ask
  bool stopped_ = false;
  std::optional<MonotonicTime> ended_;    // when it last asked
  std::atomic<bool> wanted_ = false;      // and `begin` is on its way, or waits
  Guarded<std::optional<Error>> failure_; // of the last time
};

} // namespace raglan::redis

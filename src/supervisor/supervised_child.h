// One child process kept running: started, probed, killed when it hangs, started again.
//
// A coroutine on the supervisor's event loop. It decides nothing itself: policy/restart.h does. It
// waits by one timer, which the end of the process (its pidfd) and a request to stop cut short.
//
// Thread safety: `run` and `request_stop` on the loop; `status` from any thread.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/guarded.h"
#include "base/rng.h"
#include "http/client.h"
#include "net/event_loops.h"
#include "net/task.h"
#include "supervisor/child.h"
#include "supervisor/child_metrics.h"
#include "supervisor/output_file.h"

namespace raglan::supervisor {

class SupervisedChild : public std::enable_shared_from_this<SupervisedChild> {
 public:
  // `changed` is called on the loop after each change of the state.
  SupervisedChild(ChildSpec spec, ChildMetrics metrics, http::Client& client,
                  const net::EventLoops::Executor& loop, const Clock& clock,
                  std::function<void()> changed);

  // Until it is stopped or given up.
  static net::Task<> run(std::shared_ptr<SupervisedChild> self);
  void request_stop();
  ChildStatus status() const;

 private:
  net::Task<> run_once();
  // Until it has ended, is asked to stop, or is to be killed for the returned reason.
  net::Task<std::optional<EndReason>> watch();
  net::Task<bool> is_healthy();
  // SIGTERM, the grace, SIGKILL; returns when it has ended.
  net::Task<> end_process();
  // False when it was cut short.
  net::Task<bool> wait(Duration duration);
  net::Task<> copy_output();
  bool start_process();
  void collect(EndReason reason);
  void say(std::string_view text);
  void set_state(ChildState state);

  const ChildSpec spec_;
  ChildMetrics metrics_;
  http::Client& client_;
  const Clock& clock_;
  const std::function<void()> changed_;
  policy::Restart policy_;
  Rng rng_{random_seed()};
  boost::asio::steady_timer timer_;
  boost::asio::posix::stream_descriptor ended_event_;
  boost::asio::posix::stream_descriptor output_;
  std::unique_ptr<ChildProcess> process_;
  std::optional<OutputFile> file_;
  std::string line_; // of the log, not whole yet
  bool ended_ = false;
  bool stopping_ = false;
  Guarded<ChildStatus> status_;
};

} // namespace raglan::supervisor

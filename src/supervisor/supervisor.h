// Child processes kept running: a local language model, the nodes of a deployment.
//
//   Supervisor supervisor(metrics);
//   supervisor.start({.name = "llm", .command = …, .health_url = "http://127.0.0.1:4711/health"});
//   auto ready = supervisor.wait_until_ready("llm", 60s);
//
// Each child is started, and probed until its health URL answers 2xx: then it is ready. A child
// that ends is started again after a backoff; one that hangs is killed first (SIGTERM, the grace,
// SIGKILL); one that ends too often in a row is given up. The rules are policy/restart.h. Every
// event is a log line and a metric:
//
//   raglan_child_ready{child}  raglan_child_starts_total{child}
//   raglan_child_ends_total{child,reason} raglan_child_failed_probes_total{child}
//
// Processes are started and watched on one thread of the supervisor's own, which lives as long as
// it: a death signal of the kernel depends on that thread (child_process.h), and a fork, which can
// take milliseconds, holds up nobody else's event loop.
//
// Thread safety: every member may be called from any thread; the destructor, which stops, from one.
// The registry must outlive it.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "http/client.h"
#include "net/event_loops.h"
#include "supervisor/child.h"
#include "telemetry/metric_registry.h"

namespace raglan::supervisor {

class SupervisedChild;

class Supervisor {
 public:
  static constexpr std::size_t kMaxChildren = 64;

  explicit Supervisor(telemetry::MetricRegistry& metrics,
                      const Clock& clock = SystemClock::instance());
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // Returns at once. Errors: kConflict (there is one of that name), kOverloaded (kMaxChildren),
  // kDraining (stopped).
  Result<> start(ChildSpec spec);
  // kNotFound: none of that name.
  Result<ChildStatus> status(std::string_view name) const;
  // Blocks. Errors: kNotFound; kUnavailable, with the reason, when it was given up or stopped;
  // kDeadlineExceeded.
  Result<> wait_until_ready(std::string_view name, Duration patience);
  // Blocks until `holds`, which must not call the supervisor. Errors: kNotFound; kDeadlineExceeded.
  Result<ChildStatus> wait_until(std::string_view name,
                                 const std::function<bool(const ChildStatus&)>& holds,
                                 Duration patience);
  // Stops every child, all at a time, and returns when none is left. Idempotent.
  void stop();

 private:
  std::shared_ptr<SupervisedChild> find(std::string_view name) const;
  void wake();

  telemetry::MetricRegistry& metrics_;
  const Clock& clock_;
  mutable std::mutex mutex_; // of what follows
  std::condition_variable changed_;
  std::map<std::string, std::shared_ptr<SupervisedChild>, std::less<>> children_;
  bool stopped_ = false;
  // Last: their thread uses the members above.
  net::EventLoops loops_{{.threads = 1}};
  http::Client client_;
};

} // namespace raglan::supervisor

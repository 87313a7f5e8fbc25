// The event loops: N io_contexts, each run by one thread of its own.
//
// One io_context per thread, and not one shared by all, because whatever belongs to a loop then
// needs no lock: a connection, its timers and its coroutine live on one loop from accept to close.
// Other threads hand work over with `post`.
//
// Order of destruction: executors that post results back to a loop must be stopped and joined
// before the loops are destroyed; servers and clients may be destroyed before or after `stop()`.
//
// Thread safety: start, stop and the destructor belong to one thread; everything else may be called
// from any thread.
//
//   EventLoops loops({.threads = 2});
//   loops.start();
//   boost::asio::post(loops.executor(0), [] { ... });
//   loops.stop();
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "config/table.h"

namespace raglan::net {

struct EventLoopsConfig {
  std::size_t threads = 0; // 0: one per core
};

inline void describe(config::Table<EventLoopsConfig>& table) {
  table.field("threads", &EventLoopsConfig::threads, "event loops; 0 means one per core").max(256);
}

class EventLoops {
 public:
  using Executor = boost::asio::io_context::executor_type;

  explicit EventLoops(EventLoopsConfig config = {});
  ~EventLoops();
  EventLoops(const EventLoops&) = delete;
  EventLoops& operator=(const EventLoops&) = delete;

  // Starts one thread per loop; once.
  void start();
  // Stops the loops where they are and joins their threads. Coroutines that have not ended are
  // destroyed with the loops. Idempotent.
  void stop();

  // Whether there are threads to do what is posted.
  bool running() const { return running_; }

  std::size_t size() const { return loops_.size(); }
  boost::asio::io_context& loop(std::size_t index) { return loops_[index]->context; }
  Executor executor(std::size_t index) { return loops_[index]->context.get_executor(); }
  // The loops in turn, for work that belongs to none in particular.
  Executor next();
  // Runs `work` on the given loop, after what it is doing now.
  void post(std::size_t index, std::function<void()> work);
  // Which loop the calling thread runs; empty on every other thread.
  std::optional<std::size_t> current() const;

 private:
  struct Context : boost::asio::io_context {
    using execution_context::shutdown; // destroys the coroutines; what they post is not run
    using io_context::io_context;
  };
  struct Loop {
    Context context{1}; // the hint: run by one thread; posting stays thread safe
    boost::asio::executor_work_guard<Executor> work = boost::asio::make_work_guard(context);
    std::thread thread;
  };
  std::vector<std::unique_ptr<Loop>> loops_;
  std::atomic<std::size_t> next_{0};
  std::atomic<bool> running_{false};
};

} // namespace raglan::net

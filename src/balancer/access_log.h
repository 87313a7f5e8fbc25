// The access log: takes a line (access_line.h) from any event loop, and never has one wait.
//
// A loop pays for making the line, a short lock and an append. One thread of the log's own writes
// what has come, at most every kGatherTime: to wake it for each request would cost more than the
// line. What does not fit into the queue, because who reads the output is slower, is dropped and
// counted: a loop that waited would make the log the bottleneck of the proxy. As much as the queue
// holds may be on its way to the output besides.
//
// The destructor writes what is left, for `last_writes` at the most. What cannot be written
// (a full disk, a reader that is gone) is lost, counted, and told in the process's log; a line of
// which only a part could be written is ended there, so that the next one begins a line.
//
//   auto log = AccessLog::open(AccessLogFormat::kJson, "/var/log/raglan/access.log");
//   if (!log) return forward_error(log);
//   (*log)->add({.began = wall, .took = now - began, .client = "10.0.0.9", …});
//   (*log)->reopen(); // logrotate has moved the file
//
// Thread safety: all members, from any thread, but `reopen` not from an event loop: it opens a
// file. The process ignores SIGPIPE (app/main).
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "balancer/access_line.h"
#include "balancer/unblocked_output.h"
#include "base/clock.h"
#include "base/file_descriptor.h"
#include "base/guarded.h"
#include "base/log_throttle.h"
#include "base/result.h"

namespace raglan::balancer {

struct AccessLogLimits {
  std::size_t max_queued_bytes = 1024 * 1024;
  std::chrono::milliseconds last_writes = std::chrono::seconds(1); // of the destructor
};

class AccessLog {
 public:
  static constexpr std::chrono::milliseconds kGatherTime{20};

  // To the end of a file, which is made where it is not there. An empty path: standard output.
  // Errors: kUnavailable.
  static Result<std::unique_ptr<AccessLog>> open(AccessLogFormat format, std::string path,
                                                 AccessLogLimits limits = {});
  // To an output that `reopen` leaves as it is.
  static Result<std::unique_ptr<AccessLog>> open(AccessLogFormat format, UnblockedOutput output,
                                                 AccessLogLimits limits = {});
  ~AccessLog();
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  void add(const AccessRecord& record);
  // What is added from now on goes to a file that is opened anew. Errors: kUnavailable, and the log
  // goes on with the file that it has.
  Result<> reopen();

  // Lines that were not written, whatever the reason.
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }
  // Writes that failed.
  std::uint64_t write_failures() const { return write_failures_.load(std::memory_order_relaxed); }

 private:
  // What the thread does: who adds a line need not wake it while it is kAwake.
  enum class Writer : std::uint8_t { kAwake, kGathering, kAsleep };
  struct Queue {
    std::string lines;
    std::optional<UnblockedOutput> reopened;
    Writer writer = Writer::kAwake;
    bool ending = false;
  };

  static Result<std::unique_ptr<AccessLog>> open(AccessLogFormat format, std::string path,
                                                 UnblockedOutput output, AccessLogLimits limits);
  AccessLog(AccessLogFormat format, std::string path, UnblockedOutput output, FileDescriptor wake,
            AccessLogLimits limits);

  void run();
  // It rests, for kGatherTime or until it is woken; not at all when there is something to do.
  void rest(Writer how);
  // What has come, into `batch`. False: there is no more to come.
  bool take(std::string& batch);
  void write_lines(std::string_view lines);
  // False, with errno, when not all of it could be written: `bytes` is what is left.
  bool write_all(std::string_view& bytes);
  // False: it is the end, and there is no time left.
  bool wait_for_room();
  bool is_ending();
  void wake();
  void forget_wake();

  const AccessLogFormat format_;
  const std::string path_; // empty: it is not opened again
  const AccessLogLimits limits_;
  const Clock& clock_ = SystemClock::instance(); // poll waits by it as well
  const FileDescriptor wake_; // an eventfd: the thread waits for it and for the output
  Guarded<Queue> queue_;
  std::atomic<std::uint64_t> dropped_{0};
  std::atomic<std::uint64_t> write_failures_{0};

  // The thread's.
  UnblockedOutput output_;
  bool at_line_begin_ = true;
  std::optional<MonotonicTime> give_up_at_; // once it is the end
  LogThrottle throttle_;
  std::thread thread_;
};

} // namespace raglan::balancer

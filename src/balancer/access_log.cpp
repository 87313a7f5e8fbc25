#include "balancer/access_log.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/log.h"

namespace raglan::balancer {

Result<std::unique_ptr<AccessLog>> AccessLog::open(AccessLogFormat format, std::string path,
                                                   AccessLogLimits limits) {
  auto output = path.empty() ? UnblockedOutput::share(STDOUT_FILENO) : UnblockedOutput::open(path);
  if (!output) return forward_error(output);
  return open(format, std::move(path), std::move(*output), limits);
}

Result<std::unique_ptr<AccessLog>> AccessLog::open(AccessLogFormat format, UnblockedOutput output,
                                                   AccessLogLimits limits) {
  return open(format, {}, std::move(output), limits);
}

Result<std::unique_ptr<AccessLog>> AccessLog::open(AccessLogFormat format, std::string path,
                                                   UnblockedOutput output, AccessLogLimits limits) {
  FileDescriptor wake(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!wake) return fail(ErrorCode::kUnavailable, "there is no file descriptor left");
  return std::unique_ptr<AccessLog>(
      new AccessLog(format, std::move(path), std::move(output), std::move(wake), limits));
}

AccessLog::AccessLog(AccessLogFormat format, std::string path, UnblockedOutput output,
                     FileDescriptor wake, AccessLogLimits limits)
    : format_(format),
      path_(std::move(path)),
      limits_(limits),
      wake_(std::move(wake)),
      output_(std::move(output)),
      thread_([this] { run(); }) {
  pthread_setname_np(thread_.native_handle(), "access-log");
}

AccessLog::~AccessLog() {
  queue_.with([](Queue& queue) { queue.ending = true; });
  wake();
  thread_.join();
}

void AccessLog::add(const AccessRecord& record) {
  thread_local std::string line;
  line.clear();
  append_access_line(format_, record, line);
  if (line.empty()) return;
  const auto [queued, asleep] = queue_.with([&](Queue& queue) {
    if (line.size() > limits_.max_queued_bytes - queue.lines.size()) {
      return std::pair(false, false);
    }
    queue.lines += line;
    const bool much = queue.lines.size() >= limits_.max_queued_bytes / 2;
    const bool rests =
        queue.writer == Writer::kAsleep || (queue.writer == Writer::kGathering && much);
    if (rests) queue.writer = Writer::kAwake;
    return std::pair(true, rests);
  });
  if (!queued) dropped_.fetch_add(1, std::memory_order_relaxed);
  if (asleep) wake();
}

Result<> AccessLog::reopen() {
  if (path_.empty()) return {};
  auto output = UnblockedOutput::open(path_);
  if (!output) return forward_error(output);
  std::optional<UnblockedOutput> opened(std::move(*output));
  // One that nobody wrote to yet is closed outside of the lock.
  queue_.with([&](Queue& queue) { std::swap(queue.reopened, opened); });
  wake();
  return {};
}

void AccessLog::run() {
  std::string batch;
  do {
    write_lines(batch);
    batch.clear();
    rest(Writer::kAsleep);
    rest(Writer::kGathering);
  } while (take(batch));
}

void AccessLog::rest(Writer how) {
  const bool rests = queue_.with([&](Queue& queue) {
    const bool asleep = how == Writer::kAsleep;
    const std::size_t enough_bytes = asleep ? 1 : limits_.max_queued_bytes / 2;
    if (queue.ending || (asleep && queue.reopened)) return false;
    if (queue.lines.size() >= enough_bytes) return false;
    queue.writer = how;
    return true;
  });
  if (!rests) return;
  pollfd woken{.fd = wake_.get(), .events = POLLIN, .revents = 0};
  ::poll(&woken, 1, how == Writer::kAsleep ? -1 : static_cast<int>(kGatherTime.count()));
  forget_wake();
}

bool AccessLog::take(std::string& batch) {
  std::optional<UnblockedOutput> reopened;
  const bool ending = queue_.with([&](Queue& queue) {
    queue.writer = Writer::kAwake;
    std::swap(queue.lines, batch);
    std::swap(queue.reopened, reopened);
    return queue.ending;
  });
  if (reopened) {
    output_ = std::move(*reopened);
    at_line_begin_ = true;
  }
  return !ending || !batch.empty();
}

void AccessLog::write_lines(std::string_view lines) {
  if (lines.empty()) return;
  std::string_view line_end = at_line_begin_ ? "" : "\n";
  if (write_all(line_end) && write_all(lines)) return;
  const std::error_code error(errno, std::generic_category());
  write_failures_.fetch_add(1, std::memory_order_relaxed);
  const auto lost = static_cast<std::uint64_t>(std::ranges::count(lines, '\n'));
  dropped_.fetch_add(lost, std::memory_order_relaxed);
  if (const auto left_out = throttle_.admit(clock_.now())) {
    log_warning("the access log cannot be written",
                {{"error", error.message()}, {"lines", lost}, {"left_out", *left_out}});
  }
}

bool AccessLog::write_all(std::string_view& bytes) {
  while (!bytes.empty()) {
    const ssize_t written = output_.write(bytes);
    if (written > 0) {
      at_line_begin_ = bytes[static_cast<std::size_t>(written) - 1] == '\n';
      bytes.remove_prefix(static_cast<std::size_t>(written));
      continue;
    }
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno != EAGAIN) return false;
    if (wait_for_room()) continue;
    errno = EAGAIN;
    return false;
  }
  return true;
}

bool AccessLog::wait_for_room() {
  const bool ending = is_ending();
  if (ending && !give_up_at_) give_up_at_ = clock_.now() + limits_.last_writes;
  int timeout = -1;
  if (give_up_at_) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*give_up_at_ - clock_.now());
    if (left.count() <= 0) return false;
    timeout = static_cast<int>(left.count());
  }
  // Who is woken looks whether it is the end. Then nobody wakes it any more.
  pollfd watched[] = {{.fd = output_.descriptor(), .events = POLLOUT, .revents = 0},
                      {.fd = wake_.get(), .events = POLLIN, .revents = 0}};
  ::poll(watched, ending ? 1 : 2, timeout);
  if (!ending) forget_wake();
  return true;
}

bool AccessLog::is_ending() {
  return queue_.with([](Queue& queue) { return queue.ending; });
}

void AccessLog::wake() { ::eventfd_write(wake_.get(), 1); }

void AccessLog::forget_wake() {
  eventfd_t ignored = 0;
  ::eventfd_read(wake_.get(), &ignored);
}

} // namespace raglan::balancer

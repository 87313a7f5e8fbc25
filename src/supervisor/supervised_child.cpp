#include "supervisor/supervised_child.h"

#include <unistd.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>

#include <fmt/format.h>

#include "base/log.h"
#include "net/detach.h"

namespace raglan::supervisor {
namespace {

namespace asio = boost::asio;
constexpr auto kToken = asio::as_tuple(asio::deferred);

constexpr std::size_t kMaxLineBytes = 1'000;
constexpr std::uint64_t kMaxHealthBytes = 64 << 10;

} // namespace

std::string_view name_of(ChildState state) {
  switch (state) {
    case ChildState::kStarting: return "starting";
    case ChildState::kReady: return "ready";
    case ChildState::kBackingOff: return "backing off";
    case ChildState::kGivenUp: return "given up";
    case ChildState::kStopped: return "stopped";
  }
  return "unknown";
}

SupervisedChild::SupervisedChild(ChildSpec spec, ChildMetrics metrics, http::Client& client,
                                 const net::EventLoops::Executor& loop, const Clock& clock,
                                 std::function<void()> changed)
    : spec_(std::move(spec)),
      metrics_(metrics),
      client_(client),
      clock_(clock),
      changed_(std::move(changed)),
      policy_(spec_.restart),
      timer_(loop),
      ended_event_(loop),
      output_(loop) {}

ChildStatus SupervisedChild::status() const {
  return status_.with([](const ChildStatus& status) { return status; });
}

void SupervisedChild::set_state(ChildState state) {
  metrics_.ready(state == ChildState::kReady);
  status_.with([&](ChildStatus& status) { status.state = state; });
  changed_();
}

void SupervisedChild::request_stop() {
  stopping_ = true;
  if (process_ && !ended_) process_->terminate(); // a probe that is under way ends with it
  timer_.cancel();
}

net::Task<> SupervisedChild::run(std::shared_ptr<SupervisedChild> self) {
  while (!self->stopping_) {
    co_await self->run_once();
    if (self->stopping_) break;
    const auto pause = self->policy_.ended(self->clock_.now(), self->rng_);
    if (!pause) {
      log_error("child process given up", {{"child", self->spec_.name},
                                           {"ends_in_a_row", self->policy_.ends_in_a_row()},
                                           {"last", self->status().last_end}});
      self->set_state(ChildState::kGivenUp);
      co_return;
    }
    log_warning("child process ended", {{"child", self->spec_.name},
                                        {"reason", self->status().last_end},
                                        {"restart_in_ms", to_milliseconds(*pause)}});
    self->set_state(ChildState::kBackingOff);
    co_await self->wait(*pause);
  }
  log_info("child process stopped", {{"child", self->spec_.name}});
  self->set_state(ChildState::kStopped);
}

net::Task<> SupervisedChild::run_once() {
  policy_.started(clock_.now());
  metrics_.started();
  status_.with([](ChildStatus& status) { ++status.starts; });
  if (!start_process()) {
    metrics_.ended(EndReason::kNotStarted);
    status_.with([](ChildStatus& status) { status.last_end = "it cannot be run"; });
    co_return;
  }
  const auto kill_for = co_await watch();
  if (!ended_) co_await end_process();
  collect(stopping_ ? EndReason::kStopped : kill_for.value_or(EndReason::kExited));
}

bool SupervisedChild::start_process() {
  auto started = ChildProcess::start(spec_.command);
  if (!started) return false;
  process_ = std::move(*started);
  ended_ = false;
  file_.reset();
  if (!spec_.output_file.empty()) {
    auto file = OutputFile::open(spec_.output_file, spec_.max_output_bytes);
    if (file) file_.emplace(std::move(*file));
  }
  // Duplicates: asio closes what it is given.
  ended_event_.assign(::dup(process_->ended()));
  output_.assign(::dup(process_->output()));
  ended_event_.async_wait(asio::posix::stream_descriptor::wait_read,
                          [self = shared_from_this()](const boost::system::error_code& error) {
                            if (error) return;
                            self->ended_ = true;
                            self->timer_.cancel();
                          });
  net::detach(timer_.get_executor(), copy_output());
  status_.with([&](ChildStatus& status) { status.pid = process_->pid(); });
  log_info("child process started", {{"child", spec_.name}, {"pid", process_->pid()}});
  set_state(ChildState::kStarting);
  return true;
}

net::Task<std::optional<EndReason>> SupervisedChild::watch() {
  using Step = policy::Restart::Step;
  const MonotonicTime started = clock_.now();
  while (co_await wait(policy_.ready() ? spec_.probe_interval : spec_.startup_probe_interval)) {
    const bool was_ready = policy_.ready();
    const bool healthy = co_await is_healthy();
    if (ended_ || stopping_) break;
    if (was_ready && !healthy) metrics_.probe_failed();
    const Step step = policy_.probed(healthy, clock_.now());
    if (step == Step::kKill) {
      co_return was_ready ? EndReason::kUnhealthy : EndReason::kSlowStart;
    }
    if (step == Step::kReady) {
      log_info("child process ready",
               {{"child", spec_.name}, {"took_ms", to_milliseconds(clock_.now() - started)}});
      set_state(ChildState::kReady);
    }
  }
  co_return std::nullopt;
}

net::Task<bool> SupervisedChild::is_healthy() {
  http::ClientRequest request{.url = spec_.health_url, .max_body_bytes = kMaxHealthBytes};
  const Deadline deadline = Deadline::after(spec_.probe_timeout, clock_.now());
  const auto answer = co_await client_.send(std::move(request), deadline);
  co_return answer.has_value() && answer->status >= 200 && answer->status < 300;
}

net::Task<> SupervisedChild::end_process() {
  metrics_.ready(false);
  process_->terminate();
  // Not `wait`: a request to stop must not cut the grace short.
  timer_.expires_after(spec_.stop_grace);
  const MonotonicTime kill_at = clock_.now() + spec_.stop_grace;
  while (!ended_ && clock_.now() < kill_at) {
    co_await timer_.async_wait(kToken);
    timer_.expires_at(kill_at);
  }
  if (ended_) co_return;
  log_warning("child process killed", {{"child", spec_.name}});
  process_->kill();
  while (!ended_) {
    timer_.expires_at(MonotonicTime::max());
    co_await timer_.async_wait(kToken);
  }
}

net::Task<bool> SupervisedChild::wait(Duration duration) {
  if (!ended_ && !stopping_) {
    timer_.expires_after(duration);
    co_await timer_.async_wait(kToken);
  }
  co_return !ended_ && !stopping_;
}

void SupervisedChild::collect(EndReason reason) {
  const auto status = process_->reap();
  output_.close();
  ended_event_.close();
  // What it said last; the pipe holds no more than this.
  std::array<char, 64 << 10> rest;
  const ssize_t got = ::read(process_->output(), rest.data(), rest.size());
  if (got > 0) say({rest.data(), static_cast<std::size_t>(got)});
  if (!line_.empty()) say("\n");
  process_.reset();
  metrics_.ended(reason);
  std::string why = status ? describe(*status) : "unknown";
  if (reason == EndReason::kUnhealthy) why = "it did not answer: " + why;
  if (reason == EndReason::kSlowStart) why = "it was not ready in time: " + why;
  status_.with([&](ChildStatus& known) {
    known.pid = 0;
    known.last_end = std::move(why);
  });
}

// Ends when the descriptor is closed, by the child or by collect.
net::Task<> SupervisedChild::copy_output() {
  const auto self = shared_from_this();
  std::array<char, 4096> piece;
  while (true) {
    const auto [error, got] = co_await output_.async_read_some(asio::buffer(piece), kToken);
    if (error) co_return;
    say({piece.data(), got});
  }
}

void SupervisedChild::say(std::string_view text) {
  if (file_) return file_->write(text);
  for (const char c : text) {
    if (c != '\n') line_ += c;
    if (c != '\n' && line_.size() < kMaxLineBytes) continue;
    log_info("child process says", {{"child", spec_.name}, {"line", line_}});
    line_.clear();
  }
}

} // namespace raglan::supervisor

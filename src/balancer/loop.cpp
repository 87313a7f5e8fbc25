#include "balancer/loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <system_error>

namespace raglan::balancer {
namespace {

constexpr int kMaxEvents = 256; // at a time

} // namespace

void TimeoutQueue::start(Timed& timed, MonotonicTime now) {
  stop(timed);
  timed.due_ = now + length_;
  waiting_.push_back(timed);
}

void TimeoutQueue::expire(MonotonicTime now) {
  while (!waiting_.empty() && waiting_.front().due_ <= now) {
    Timed& timed = waiting_.front();
    stop(timed);
    timed.on_overdue();
  }
}

Loop::Loop(const Clock& clock)
    : clock_(clock),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      now_(clock.now()),
      next_tick_(now_ + kTick) {
  epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
  if (!epoll_ || !wake_ || ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) != 0) {
    throw std::system_error(errno, std::generic_category(), "epoll");
  }
}

Loop::~Loop() { retired_.clear(); }

bool Loop::watch(int descriptor, Watcher& watcher) {
  epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.ptr = &watcher}};
  return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event) == 0;
}

bool Loop::watch_listener(int descriptor, Watcher& watcher) {
  epoll_event event{.events = EPOLLIN | EPOLLEXCLUSIVE, .data = {.ptr = &watcher}};
  return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event) == 0;
}

void Loop::unwatch(int descriptor) {
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, descriptor, nullptr);
}

void Loop::cancel_deferred(Watcher& watcher) { std::erase(deferred_, &watcher); }

void Loop::run() {
  std::array<epoll_event, kMaxEvents> events{};
  while (!stopped_) {
    const auto patience = std::chrono::ceil<std::chrono::milliseconds>(
        std::clamp<Duration>(next_tick_ - now_, Duration::zero(), kTick));
    const int count = ::epoll_wait(epoll_.get(), events.data(), kMaxEvents,
                                   deferred_.empty() ? static_cast<int>(patience.count()) : 0);
    now_ = clock_.now();
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      if (event.data.ptr == nullptr) {
        run_posted();
      } else {
        static_cast<Watcher*>(event.data.ptr)->on_events(event.events);
      }
    }
    after_events();
  }
  run_posted(); // what was posted before the stop
  retired_.clear();
}

void Loop::after_events() {
  if (!deferred_.empty()) {
    const std::vector<Watcher*> deferred = std::exchange(deferred_, {});
    for (Watcher* watcher : deferred) watcher->on_events(0);
  }
  if (now_ >= next_tick_) {
    next_tick_ = now_ + kTick;
    for (TimeoutQueue* queue : queues_) queue->expire(now_);
  }
  retired_.clear();
}

void Loop::stop() {
  post([this] { stopped_ = true; });
}

void Loop::post(std::function<void()> work) {
  const bool wake = posted_.with([&](Posted& posted) {
    posted.work.push_back(std::move(work));
    return !std::exchange(posted.woken, true);
  });
  if (wake) ::eventfd_write(wake_.get(), 1);
}

void Loop::run_posted() {
  eventfd_t ignored = 0;
  ::eventfd_read(wake_.get(), &ignored);
  const auto work = posted_.with([](Posted& posted) {
    posted.woken = false;
    return std::exchange(posted.work, {});
  });
  for (const auto& each : work) each();
}

} // namespace raglan::balancer

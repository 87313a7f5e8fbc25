#include "net/event_loops.h"

#include <algorithm>
#include <boost/asio/post.hpp>

namespace raglan::net {

EventLoops::EventLoops(EventLoopsConfig config) {
  const std::size_t count =
      config.threads > 0 ? config.threads : std::max(1U, std::thread::hardware_concurrency());
  loops_.reserve(count);
  for (std::size_t i = 0; i < count; ++i) loops_.push_back(std::make_unique<Loop>());
}

// A coroutine that is destroyed on one loop may post to any other: none goes before all are empty.
EventLoops::~EventLoops() {
  stop();
  for (auto& loop : loops_) loop->context.shutdown();
}

void EventLoops::start() {
  running_ = true;
  for (auto& loop : loops_) {
    loop->thread = std::thread([&context = loop->context] { context.run(); });
  }
}

void EventLoops::stop() {
  for (auto& loop : loops_) loop->context.stop();
  for (auto& loop : loops_) {
    if (loop->thread.joinable()) loop->thread.join();
  }
  running_ = false;
}

EventLoops::Executor EventLoops::next() { return executor(next_.fetch_add(1) % loops_.size()); }

void EventLoops::post(std::size_t index, std::function<void()> work) {
  boost::asio::post(loops_[index]->context, std::move(work));
}

std::optional<std::size_t> EventLoops::current() const {
  for (std::size_t i = 0; i < loops_.size(); ++i) {
    if (loops_[i]->context.get_executor().running_in_this_thread()) return i;
  }
  return std::nullopt;
}

} // namespace raglan::net

#include "supervisor/supervisor.h"

#include <algorithm>

#include <fmt/format.h>

#include "net/detach.h"
#include "supervisor/supervised_child.h"

namespace raglan::supervisor {
namespace {

bool is_over(const ChildStatus& status) {
  return status.state == ChildState::kGivenUp || status.state == ChildState::kStopped;
}

} // namespace

Supervisor::Supervisor(telemetry::MetricRegistry& metrics, const Clock& clock)
    : metrics_(metrics), clock_(clock), client_({}, loops_, clock) {
  loops_.start();
}

Supervisor::~Supervisor() {
  stop();
  loops_.stop();
  children_.clear(); // their timers belong to the loop
}

Result<> Supervisor::start(ChildSpec spec) {
  const std::lock_guard lock(mutex_);
  if (stopped_) return fail(ErrorCode::kDraining, "the supervisor has been stopped");
  if (children_.contains(spec.name)) {
    return fail(ErrorCode::kConflict, fmt::format("there is a child {} already", spec.name));
  }
  if (children_.size() >= kMaxChildren) {
    return fail(ErrorCode::kOverloaded, fmt::format("there are {} children", kMaxChildren));
  }
  const std::string name = spec.name;
  const ChildMetrics counted(metrics_, name);
  const auto child = std::make_shared<SupervisedChild>(
      std::move(spec), counted, client_, loops_.executor(0), clock_, [this] { wake(); });
  children_.emplace(name, child);
  net::detach(loops_.executor(0), SupervisedChild::run(child));
  return {};
}

Result<ChildStatus> Supervisor::status(std::string_view name) const {
  const auto child = find(name);
  if (!child) return fail(ErrorCode::kNotFound, fmt::format("there is no child {}", name));
  return child->status();
}

Result<ChildStatus> Supervisor::wait_until(std::string_view name,
                                           const std::function<bool(const ChildStatus&)>& holds,
                                           Duration patience) {
  const auto child = find(name);
  if (!child) return fail(ErrorCode::kNotFound, fmt::format("there is no child {}", name));
  ChildStatus status;
  std::unique_lock lock(mutex_);
  const bool held = changed_.wait_for(lock, patience, [&] {
    status = child->status();
    return holds(status);
  });
  if (!held) return fail(ErrorCode::kDeadlineExceeded, fmt::format("{} is not ready", name));
  return status;
}

Result<> Supervisor::wait_until_ready(std::string_view name, Duration patience) {
  auto settled = wait_until(
      name,
      [](const ChildStatus& status) {
        return status.state == ChildState::kReady || is_over(status);
      },
      patience);
  if (!settled) return forward_error(settled);
  if (settled->state == ChildState::kReady) return {};
  return fail(ErrorCode::kUnavailable,
              fmt::format("{} is {}{}{}", name, name_of(settled->state),
                          settled->last_end.empty() ? "" : ": ", settled->last_end));
}

void Supervisor::stop() {
  std::unique_lock lock(mutex_);
  stopped_ = true;
  for (const auto& [name, child] : children_) {
    loops_.post(0, [child] { child->request_stop(); });
  }
  changed_.wait(lock, [&] {
    return std::ranges::all_of(children_,
                               [](const auto& entry) { return is_over(entry.second->status()); });
  });
}

std::shared_ptr<SupervisedChild> Supervisor::find(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto found = children_.find(name);
  return found == children_.end() ? nullptr : found->second;
}

// The lock, so that nobody misses it between looking and waiting.
void Supervisor::wake() {
  const std::lock_guard lock(mutex_);
  changed_.notify_all();
}

} // namespace raglan::supervisor

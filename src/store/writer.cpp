#include "store/writer.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "base/log.h"
#include "store/sweep.h"

namespace raglan::store {
namespace {

constexpr std::size_t kMaxGroup = 256;
// Between two pieces that are swept: SQLite's lock is not fair, and another process that polls for
// it would hardly ever meet the moment between two transactions. Own writes do not wait for it.
constexpr std::chrono::milliseconds kSweepPause{20};
// Other processes wait while a transaction is open.
constexpr auto kMaxGroupTime = std::chrono::milliseconds(200);
// How often an idle writer looks whether another process has left a large log behind.
constexpr auto kIdleInterval = std::chrono::seconds(1);
// A sweep that fails (a full disk, a locked file) would fail again at once.
constexpr auto kSweepRetryInterval = std::chrono::seconds(30);
// Readers that never pause keep the log from starting anew; from this size on they are waited for.
constexpr std::uint64_t kRestartFactor = 4;

std::uint64_t size_of(std::filesystem::path path, std::string_view suffix) {
  path += suffix;
  std::error_code error;
  const auto size_bytes = std::filesystem::file_size(path, error);
  return error ? 0 : size_bytes;
}

} // namespace

Writer::Writer(Connection connection, Config config, const Clock& clock)
    : connection_(std::move(connection)),
      config_(std::move(config)),
      clock_(clock),
      next_checkpoint_bytes_(config_.checkpoint_bytes),
      thread_([this] { run(); }) {}

Writer::~Writer() { stop(); }

Result<> Writer::write(const Work& work) { return write_all({&work, 1}).front(); }

std::vector<Result<>> Writer::write_all(std::span<const Work> works) {
  std::vector<Result<>> outcomes;
  outcomes.reserve(works.size());
  while (outcomes.size() < works.size()) {
    const std::size_t count = std::min(
        {works.size() - outcomes.size(), kMaxGroup, std::max<std::size_t>(config_.max_waiting, 1)});
    std::vector<Job> jobs(count);
    for (std::size_t i = 0; i < count; ++i) jobs[i].work = &works[outcomes.size() + i];
    std::unique_lock lock(mutex_);
    if (stopping_ || waiting_.size() + count > config_.max_waiting) {
      const Result<> refused = stopping_ ? fail(ErrorCode::kDraining, "the store is closing")
                                         : fail(ErrorCode::kOverloaded, "too many writes wait");
      outcomes.resize(works.size(), refused);
      return outcomes;
    }
    for (Job& job : jobs) waiting_.push_back(&job);
    wake_writer_.notify_one();
    wake_callers_.wait(lock, [&] { return std::ranges::all_of(jobs, &Job::done); });
    lock.unlock();
    for (Job& job : jobs) outcomes.push_back(std::move(job.outcome));
  }
  return outcomes;
}

void Writer::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_writer_.notify_one();
  if (thread_.joinable()) thread_.join();
}

std::size_t Writer::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

void Writer::run() {
  // A log that starts anew is cut to this size, so that its size says whether it is due again.
  const std::string limit = fmt::format("PRAGMA journal_size_limit = {}", config_.checkpoint_bytes);
  if (auto ok = connection_.execute(limit.c_str()); !ok) log_warning("log size not limited");
  bool swept = true; // at the start there may be what a killed process left
  while (true) {
    const std::vector<Job*> jobs = take_waiting(swept ? kSweepPause : kIdleInterval);
    commit(jobs);
    swept = sweep_piece();
    checkpoint_if_due();
    const std::lock_guard lock(mutex_);
    if (stopping_ && waiting_.empty()) return;
  }
}

// Waits for a write; returns without one when there is something else to do, or it is time to stop.
std::vector<Writer::Job*> Writer::take_waiting(std::chrono::milliseconds longest_wait) {
  std::unique_lock lock(mutex_);
  wake_writer_.wait_for(lock, longest_wait, [&] { return stopping_ || !waiting_.empty(); });
  const auto count = static_cast<std::ptrdiff_t>(std::min(waiting_.size(), kMaxGroup));
  std::vector<Job*> jobs(waiting_.begin(), waiting_.begin() + count);
  waiting_.erase(waiting_.begin(), waiting_.begin() + count);
  return jobs;
}

void Writer::commit(std::span<Job* const> jobs) {
  while (!jobs.empty()) {
    std::size_t count = 0;
    const Result<> whole = run_group(jobs, count);
    if (!whole && count == 0) { // no transaction could be begun: nobody's would
      count = jobs.size();
      for (Job* job : jobs) job->outcome = whole;
    } else if (!whole) {
      for (std::size_t i = 0; i < count; ++i) commit_alone(*jobs[i]);
    }
    publish(jobs.first(count));
    jobs = jobs.subspan(count);
  }
}

// One transaction with the first of `jobs`, as many as fit into kMaxGroupTime: `count`, which stays
// 0 only when no transaction could be begun. An error means that none of them is in the database.
Result<> Writer::run_group(std::span<Job* const> jobs, std::size_t& count) {
  // What is written into a file without a name is lost when the last process closes it.
  if (auto ok = connection_.check_place(); !ok) return ok;
  if (auto ok = connection_.run("BEGIN IMMEDIATE"); !ok) return ok;
  const MonotonicTime until = clock_.now() + kMaxGroupTime;
  do {
    Job& job = *jobs[count++];
    job.outcome = run_under_savepoint(*job.work);
    // SQLite undoes the whole transaction by itself after some errors, a full disk among them.
    if (!connection_.in_transaction()) return job.outcome;
  } while (count < jobs.size() && clock_.now() < until);
  auto ok = connection_.run("COMMIT");
  if (!ok && connection_.in_transaction()) (void)connection_.run("ROLLBACK");
  return ok;
}

void Writer::commit_alone(Job& job) {
  Job* const jobs[] = {&job};
  std::size_t count = 0;
  if (auto ok = run_group(jobs, count); !ok) job.outcome = std::move(ok);
}

// After an error of the work nothing of it remains; when even that fails, nothing of the
// transaction.
Result<> Writer::run_under_savepoint(const Work& work) {
  if (auto ok = connection_.run("SAVEPOINT one_write"); !ok) return ok;
  auto outcome = work(connection_);
  if (outcome) outcome = connection_.run("RELEASE one_write");
  if (outcome || !connection_.in_transaction()) return outcome;
  const bool undone =
      connection_.run("ROLLBACK TO one_write") && connection_.run("RELEASE one_write");
  if (!undone && connection_.in_transaction()) (void)connection_.run("ROLLBACK");
  return outcome;
}

// Notifies under the lock: a caller that returns takes its jobs with it.
void Writer::publish(std::span<Job* const> jobs) {
  const std::lock_guard lock(mutex_);
  for (Job* job : jobs) job->done = true;
  wake_callers_.notify_all();
}

// Whether there was one: then there may be another.
bool Writer::sweep_piece() {
  if (clock_.now() < next_sweep_) return false;
  auto swept = sweep(connection_, config_.change_log_max, clock_);
  if (swept) return *swept;
  log_warning("sweep failed", {{"error", error_code_name(swept.error().code)}});
  next_sweep_ = clock_.now() + kSweepRetryInterval;
  return false;
}

void Writer::checkpoint_if_due() {
  const std::uint64_t log_bytes = size_of(config_.path, "-wal");
  if (log_bytes <= config_.checkpoint_bytes) next_checkpoint_bytes_ = config_.checkpoint_bytes;
  if (log_bytes <= next_checkpoint_bytes_) return;
  if (!checkpoint_lock_) {
    std::filesystem::path lock_path = config_.path;
    lock_path += ".checkpoint";
    checkpoint_lock_ = FileLock::try_acquire(lock_path);
    if (!checkpoint_lock_) return;
  }
  const bool restart = log_bytes > kRestartFactor * config_.checkpoint_bytes;
  if (auto ok = connection_.checkpoint(restart); !ok) {
    log_warning("checkpoint failed", {{"error", error_code_name(ok.error().code)}});
  }
  // The file keeps its size until the next write starts the log anew.
  next_checkpoint_bytes_ = log_bytes + config_.checkpoint_bytes / 4;
}

} // namespace raglan::store

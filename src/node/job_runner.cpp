#include "node/job_runner.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "base/ids.h"
#include "base/log.h"
#include "base/rng.h"
#include "net/detach.h"
#include "net/first_of.h"
#include "net/pause.h"
#include "policy/backoff.h"

namespace raglan::node {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::seconds kRecordTimeout{10};
constexpr std::chrono::minutes kPartTimeout{10};
constexpr policy::BackoffConfig kRetries{.base_backoff = 500ms, .max_backoff = 4s};

// What may succeed later, without anything being changed.
bool is_passing(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUnavailable:
    case ErrorCode::kOverloaded:
    case ErrorCode::kUpstream:
    case ErrorCode::kDeadlineExceeded:
    case ErrorCode::kDiskFull:
    case ErrorCode::kDraining:
    case ErrorCode::kClientClosed: return true;
    default: return false;
  }
}

const DocumentStatus* find_error(const std::vector<DocumentStatus>& statuses, auto fits) {
  const auto found = std::ranges::find_if(
      statuses, [&](const DocumentStatus& each) { return each.error && fits(each.error->code); });
  return found == statuses.end() ? nullptr : &*found;
}

// Of documents that are not tried again.
std::vector<DocumentStatus> failed(const std::vector<ParsedDocument>& documents,
                                   const Error& error) {
  std::vector<DocumentStatus> statuses;
  for (const ParsedDocument& document : documents)
    statuses.push_back({.id = document.id, .error = error});
  return statuses;
}

} // namespace

JobRunner::JobRunner(JobsConfig config, Parts parts)
    : config_(config),
      parts_(std::move(parts)),
      node_(make_uuid7(parts_.clock.wall_now())),
      schedule_(config_.lease) {}

void JobRunner::begin(const boost::asio::any_io_executor& loop) {
  if (!config_.enabled) return;
  loop_ = loop;
  wakeup_.emplace(loop);
  net::detach(loop_, watch());
}

void JobRunner::wake() {
  if (wakeup_) wakeup_->wake(); // else it works on none
}

net::Task<void> JobRunner::watch() {
  while (!stopping_) {
    try {
      co_await look();
    } catch (const std::exception& failure) { // memory, say: the next look may succeed
      log_error("the look for jobs threw", {{"type", typeid(failure).name()}});
    }
    co_await wakeup_->sleep(std::min<Duration>(kMaxPoll, config_.lease / 4));
  }
}

net::Task<void> JobRunner::look() {
  auto queued = co_await parts_.jobs.queued(record_deadline());
  if (!queued) co_return; // the store is away: the next look may find it
  schedule_.see(std::move(*queued), parts_.clock.now());
  queued_ = schedule_.queued();
  const auto next = schedule_.next();
  if (!next || stopping_ || running_ >= config_.concurrency) co_return;
  ++running_;
  net::detach(loop_, take(*next));
}

net::Task<void> JobRunner::take(policy::QueuedJob queued) {
  const struct Leaving {
    JobRunner& runner;
    ~Leaving() { --runner.running_; }
  } leaving{*this};
  auto claimed = co_await parts_.jobs.claim(queued, node_, record_deadline());
  if (!claimed) {
    const ErrorCode code = claimed.error().code;
    if (code == ErrorCode::kCorrupt) {
      log_error("a job is damaged", {{"job", queued.id}});
      schedule_.rest(queued, parts_.clock.now() + kRest);
    }
    // There may be a next one. Where the store is away the next look tries again.
    if (!is_passing(code)) wake();
    co_return;
  }
  if (queued.is_leased) {
    ++resumed_;
    log_warning("a job of a node that is silent is taken over", {{"job", claimed->id}});
  }
  wake(); // to see whether there is room for another one
  const KnownJob held{claimed->tenant, claimed->id, {}, 0};
  co_await net::first_of(work(std::move(*claimed)), keep_lease(held));
  wake();
}

// What it throws must not leave its lease kept.
net::Task<void> JobRunner::work(KnownJob job) {
  const std::string id = job.id;
  try {
    co_await work_on_parts(std::move(job));
  } catch (const boost::system::system_error&) { // cancelled: the lease is lost
  } catch (const std::exception& failure) {
    log_error("a job threw", {{"job", id}, {"type", typeid(failure).name()}});
  }
}

// Ends when the lease is lost.
net::Task<void> JobRunner::keep_lease(const KnownJob& job) {
  while (co_await net::pause(config_.lease / 3)) {
    auto renewed = co_await parts_.jobs.renew(job, node_, record_deadline());
    if (!renewed && renewed.error().code == ErrorCode::kConflict) {
      log_warning("a job is not this node's any more", {{"job", job.id}});
      co_return;
    }
  }
}

net::Task<void> JobRunner::work_on_parts(KnownJob job) {
  Rng rng(random_seed());
  policy::Backoff backoff(kRetries);
  int tries = 0; // in vain, of this part
  while (!job.job.is_finished()) {
    if (stopping_ || tries == kMaxTries) {
      schedule_.rest({job.tenant, job.id}, parts_.clock.now() + kRest);
      (void)co_await parts_.jobs.give_back(std::move(job), node_, record_deadline());
      co_return;
    }
    auto statuses = co_await index_part(job);
    const WallTime now = parts_.clock.wall_now();
    if (statuses) {
      complete_part(job.job, *statuses, now);
      backoff = policy::Backoff(kRetries);
      tries = 0;
    } else {
      const Error& error = statuses.error();
      if (error.code == ErrorCode::kConflict) co_return;
      if (is_passing(error.code) && !is_hopeless(job.job)) {
        if (!job.job.failing_since) job.job.failing_since = now;
        ++tries;
        if (!stopping_ && !co_await net::pause(backoff.next(rng))) co_return;
        continue;
      }
      give_up(job.job, error, now);
    }
    auto saved = co_await save(std::move(job));
    if (!saved) co_return;
    job = std::move(*saved);
  }
  ++finished_;
  log_info("a job is finished", {{"job", job.id},
                                 {"state", job_state_name(job.job.state)},
                                 {"documents", job.job.documents},
                                 {"failed", job.job.failed}});
}

net::Task<Result<JobRunner::Statuses>> JobRunner::index_part(const KnownJob& job) {
  auto documents = co_await read_part(job);
  if (!documents) co_return forward_error(documents);
  if (job.job.claims > kMaxClaims) {
    const Error error{ErrorCode::kInternal, "the nodes that worked on these documents ended", ""};
    co_return failed(*documents, error);
  }
  const Deadline deadline = Deadline::after(kPartTimeout, parts_.clock.now());
  store::CollectionKey collection{job.tenant, job.job.collection};
  DocumentWriter::Options options{.guard = parts_.jobs.guard(job), .deadline = deadline};
  auto statuses = co_await parts_.writer.write(std::move(collection), std::move(*documents),
                                               std::move(options));
  if (const auto* passing = find_error(statuses, is_passing)) {
    co_return std::unexpected(*passing->error);
  }
  const auto is_conflict = [](ErrorCode code) { return code == ErrorCode::kConflict; };
  if (find_error(statuses, is_conflict) != nullptr && co_await is_lost(job)) {
    co_return store::record_conflict();
  }
  co_return statuses;
}

net::Task<Result<std::vector<ParsedDocument>>> JobRunner::read_part(const KnownJob& job) {
  auto text = co_await parts_.jobs.read_part(job, record_deadline());
  if (!text) co_return forward_error(text);
  auto parse = [text = std::move(*text)] { return node::read_part(text); };
  co_return co_await net::offload(parts_.bulk, std::move(parse), record_deadline(), parts_.clock);
}

net::Task<bool> JobRunner::is_lost(const KnownJob& job) {
  auto now = co_await parts_.jobs.find(job.tenant, job.id, record_deadline());
  co_return now ? now->version != job.version : now.error().code == ErrorCode::kNotFound;
}

net::Task<std::optional<KnownJob>> JobRunner::save(KnownJob job) {
  Rng rng(random_seed());
  policy::Backoff backoff(kRetries);
  while (true) {
    auto saved = job.job.is_finished() ? co_await parts_.jobs.close(job, record_deadline())
                                       : co_await parts_.jobs.advance(job, record_deadline());
    if (saved) co_return std::move(*saved);
    if (!is_passing(saved.error().code) || stopping_) co_return std::nullopt;
    if (!co_await net::pause(backoff.next(rng))) co_return std::nullopt;
  }
}

bool JobRunner::is_hopeless(const Job& job) const {
  return job.failing_since && parts_.clock.wall_now() - *job.failing_since >= config_.give_up_after;
}

Deadline JobRunner::record_deadline() const {
  return Deadline::after(kRecordTimeout, parts_.clock.now());
}

} // namespace raglan::node

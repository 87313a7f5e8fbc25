#include "node/jobs.h"

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <functional>
#include <utility>

#include <fmt/format.h>

#include "base/ids.h"
#include "base/json_lookup.h"
#include "base/json_text.h"
#include "net/detach.h"

namespace raglan::node {
namespace {

constexpr std::string_view kJobs = "job";
constexpr std::string_view kParts = "job_part";
constexpr std::string_view kQueue = "job_queue";
constexpr std::chrono::hours kPartLife{30 * 24}; // of what no node has come to
constexpr std::chrono::seconds kForgetTimeout{30};
constexpr int kCancelAttempts = 8; // beside a node that works on it

store::RecordKey job_key(const KnownJob& job) {
  return {.kind = std::string(kJobs), .tenant = job.tenant, .id = job.id};
}
store::RecordKey queue_key(std::string tenant, std::string id) {
  return {.kind = std::string(kQueue), .tenant = std::move(tenant), .id = std::move(id)};
}
store::RecordKey part_key(const KnownJob& job, std::uint32_t part) {
  return {.kind = std::string(kParts),
          .tenant = job.tenant,
          .id = fmt::format("{}.{:06}", job.id, part)};
}

// A place in the queue, as its record has it.
struct Place {
  std::string node;        // that has the lease; "": nobody
  std::uint64_t bytes = 0; // of the job's documents, when it came
};
std::string place_json(const Place& place) {
  return json_text(boost::json::object{{"node", place.node}, {"bytes", place.bytes}});
}
Place parse_place(std::string_view json) {
  boost::system::error_code error;
  const auto value = boost::json::parse(json, error);
  if (error) return {};
  return {std::string(text_at(value, "node")), count_at(value, "bytes")};
}

std::unexpected<Error> no_job() { return fail(ErrorCode::kNotFound, "no such job"); }

} // namespace

void describe(config::Table<JobsConfig>& table) {
  using C = JobsConfig;
  using std::chrono::hours;
  using std::chrono::seconds;
  table.field("enabled", &C::enabled, "whether this node works on jobs; it accepts them anyway");
  table
      .field("lease", &C::lease,
             "how long a node that works on a job may be silent before another takes it over")
      .min(std::chrono::milliseconds(500))
      .max(hours(1));
  table.field("concurrency", &C::concurrency, "jobs that this node works on at a time")
      .min(1)
      .max(64);
  table.field("max_queued", &C::max_queued, "unfinished jobs of all tenants").min(1).max(10'000);
  table.field("max_queued_per_tenant", &C::max_queued_per_tenant, "unfinished jobs of one tenant")
      .min(1)
      .max(10'000);
  table
      .bytes("max_queued_bytes", &C::max_queued_bytes,
             "documents of unfinished jobs of all tenants, together")
      .min(1 << 20);
  table
      .bytes("max_queued_bytes_per_tenant", &C::max_queued_bytes_per_tenant,
             "documents of one tenant's unfinished jobs, together")
      .min(1 << 20);
  table
      .field("give_up_after", &C::give_up_after,
             "how long what fails for a while (a model or a store that is away) is tried again")
      .min(seconds(1))
      .max(hours(24 * 30));
  table.field("keep_finished", &C::keep_finished, "how long a finished job can be looked at")
      .min(seconds(1))
      .max(hours(24 * 365));
}

Result<KnownJob> parse_job_record(store::Record record) {
  auto job = parse_job(record.value);
  if (!job) return fail(ErrorCode::kCorrupt, "a job is damaged");
  return KnownJob{std::move(record.key.tenant), std::move(record.key.id), std::move(*job),
                  record.version};
}

WallTime Jobs::expiry(const Job& job) const {
  return job.finished_at ? *job.finished_at + config_.keep_finished : store::kNever;
}

store::RecordGuard Jobs::guard(const KnownJob& job) const { return {job_key(job), job.version}; }

// Requests that come at once may pass it together.
Result<> Jobs::check_room(const std::vector<policy::QueuedJob>& waiting, std::string_view tenant,
                          std::uint64_t bytes) const {
  if (bytes > std::min(config_.max_queued_bytes, config_.max_queued_bytes_per_tenant)) {
    return fail(ErrorCode::kTooLarge,
                fmt::format("the job has {} bytes of documents, more than may ever wait", bytes));
  }
  std::size_t theirs = 0;
  std::uint64_t room = config_.max_queued_bytes;
  std::uint64_t their_room = config_.max_queued_bytes_per_tenant;
  for (const policy::QueuedJob& job : waiting) {
    room -= std::min(room, job.bytes);
    if (job.tenant != tenant) continue;
    ++theirs;
    their_room -= std::min(their_room, job.bytes);
  }
  if (theirs >= config_.max_queued_per_tenant || bytes > their_room) {
    return fail(ErrorCode::kOverloaded,
                fmt::format("the tenant has {} unfinished jobs, and {} bytes of room for documents",
                            theirs, their_room));
  }
  if (waiting.size() >= config_.max_queued || bytes > room) {
    return fail(ErrorCode::kOverloaded, "all tenants together have too many unfinished jobs");
  }
  return {};
}

// The place in the queue comes last: what has one is whole.
net::Task<Result<KnownJob>> Jobs::submit(store::CollectionKey collection, JobParts parts,
                                         Deadline deadline) {
  std::uint64_t bytes = 0;
  for (const std::string& text : parts.texts) bytes += text.size();
  auto waiting = co_await queued(deadline);
  if (!waiting) co_return forward_error(waiting);
  if (auto ok = check_room(*waiting, collection.tenant, bytes); !ok) co_return forward_error(ok);
  const WallTime now = clock_.wall_now();
  KnownJob known{.tenant = std::move(collection.tenant), .id = make_uuid7(now), .job = {}};
  known.job.collection = std::move(collection.name);
  known.job.created_at = now;
  known.job.documents = parts.documents;
  known.job.parts = static_cast<std::uint32_t>(parts.texts.size());
  // However this ends before the place is there, by a cancelled request as well.
  const auto loop = co_await boost::asio::this_coro::executor;
  bool submitted = false;
  const struct Undo {
    std::function<void()> undo;
    ~Undo() { undo(); }
  } undo{[&] {
    if (!submitted) net::detach(loop, forget(known));
  }};
  auto written = co_await write_parts(known, std::move(parts.texts), deadline);
  if (!written) co_return forward_error(written);
  auto job = co_await write(known, deadline);
  if (!job) co_return forward_error(job);
  store::RecordWrite place{queue_key(job->tenant, job->id),
                           place_json({.node = "", .bytes = bytes}), store::kNever, 0};
  auto placed = co_await records_.write(std::move(place), deadline);
  if (!placed) co_return forward_error(placed);
  submitted = true;
  co_return job;
}

net::Task<Result<>> Jobs::write_parts(const KnownJob& job, std::vector<std::string> texts,
                                      Deadline deadline) {
  const WallTime expires = job.job.created_at + kPartLife;
  std::vector<store::RecordWrite> writes;
  for (std::uint32_t part = 0; part < texts.size(); ++part) {
    writes.push_back({part_key(job, part), std::move(texts[part]), expires, 0});
    if (auto ok = store::check_record(writes.back()); !ok) co_return ok; // before any is written
  }
  for (store::RecordWrite& each : writes) {
    auto written = co_await records_.write(std::move(each), deadline);
    if (!written) co_return forward_error(written);
  }
  co_return Result<>();
}

net::Task<void> Jobs::forget(KnownJob job) {
  const Deadline deadline = Deadline::after(kForgetTimeout, clock_.now());
  (void)co_await records_.erase(queue_key(job.tenant, job.id), std::nullopt, deadline);
  (void)co_await records_.erase(job_key(job), std::nullopt, deadline);
  co_await forget_parts(job, 0, job.job.parts, deadline);
}

// Those that this fails for expire.
net::Task<void> Jobs::forget_parts(const KnownJob& job, std::uint32_t first, std::uint32_t end,
                                   Deadline deadline) {
  for (std::uint32_t part = first; part < end; ++part) {
    (void)co_await records_.erase(part_key(job, part), std::nullopt, deadline);
  }
}

net::Task<Result<KnownJob>> Jobs::find(std::string tenant, std::string id, Deadline deadline) {
  store::RecordKey key{std::string(kJobs), std::move(tenant), std::move(id)};
  auto record = co_await records_.read(std::move(key), deadline);
  if (!record) co_return forward_error(record);
  if (!*record) co_return no_job();
  co_return parse_job_record(std::move(**record));
}

net::Task<Result<std::vector<store::Record>>> Jobs::list(std::string tenant, std::string after_id,
                                                         std::uint32_t limit, Deadline deadline) {
  co_return co_await records_.list(std::string(kJobs), std::move(tenant), std::move(after_id),
                                   limit, deadline);
}

net::Task<Result<KnownJob>> Jobs::cancel(std::string tenant, std::string id, Deadline deadline) {
  for (int attempt = 1;; ++attempt) {
    auto known = co_await find(tenant, id, deadline);
    if (!known) co_return forward_error(known);
    if (known->job.is_finished()) {
      co_return fail(ErrorCode::kConflict,
                     fmt::format("the job is {} already", job_state_name(known->job.state)));
    }
    finish(known->job, JobState::kCancelled, clock_.wall_now());
    auto cancelled = co_await close(std::move(*known), deadline);
    const bool again =
        !cancelled && cancelled.error().code == ErrorCode::kConflict && attempt < kCancelAttempts;
    if (!again) co_return cancelled;
  }
}

net::Task<Result<std::vector<policy::QueuedJob>>> Jobs::queued(Deadline deadline) {
  // Requests that came at once may have queued a few more.
  const auto all = static_cast<std::uint32_t>(config_.max_queued + 1'000);
  auto records = co_await records_.list_all(std::string(kQueue), all, deadline);
  if (!records) co_return forward_error(records);
  std::vector<policy::QueuedJob> queued;
  for (store::Record& record : *records) {
    const Place place = parse_place(record.value);
    queued.push_back({std::move(record.key.tenant), std::move(record.key.id), !place.node.empty(),
                      record.version, place.bytes});
  }
  co_return queued;
}

// The lease, and then the job: from then on whoever had it before writes nothing any more.
net::Task<Result<KnownJob>> Jobs::claim(policy::QueuedJob queued, std::string node,
                                        Deadline deadline) {
  auto known = co_await find(queued.tenant, queued.id, deadline);
  const bool gone = known ? known->job.is_finished() : known.error().code == ErrorCode::kNotFound;
  if (gone) { // its node died when all was done but this
    auto erased =
        co_await records_.erase(queue_key(queued.tenant, queued.id), std::nullopt, deadline);
    if (!erased) co_return forward_error(erased);
    co_return no_job();
  }
  if (!known) co_return forward_error(known);
  store::RecordWrite lease{queue_key(queued.tenant, queued.id),
                           place_json({.node = node, .bytes = queued.bytes}), store::kNever,
                           queued.version};
  auto leased = co_await records_.write(std::move(lease), deadline);
  if (!leased) co_return forward_error(leased);
  node::claim(known->job, clock_.wall_now());
  co_return co_await write(std::move(*known), deadline);
}

net::Task<Result<>> Jobs::renew(const KnownJob& job, std::string node, Deadline deadline) {
  co_return co_await replace_lease(job, node, node, deadline);
}

net::Task<Result<>> Jobs::give_back(KnownJob job, std::string node, Deadline deadline) {
  node::give_back(job.job);
  auto written = co_await write(std::move(job), deadline);
  if (!written) co_return forward_error(written);
  co_return co_await replace_lease(*written, std::move(node), "", deadline);
}

net::Task<Result<>> Jobs::replace_lease(const KnownJob& job, std::string holder, std::string next,
                                        Deadline deadline) {
  auto record = co_await records_.read(queue_key(job.tenant, job.id), deadline);
  if (!record) co_return forward_error(record);
  if (!*record) co_return store::record_conflict();
  Place place = parse_place((*record)->value);
  if (place.node != holder) co_return store::record_conflict();
  place.node = std::move(next);
  store::RecordWrite lease{(*record)->key, place_json(place), (*record)->expires,
                           (*record)->version};
  auto replaced = co_await records_.write(std::move(lease), deadline);
  if (!replaced) co_return forward_error(replaced);
  co_return Result<>();
}

net::Task<Result<std::string>> Jobs::read_part(const KnownJob& job, Deadline deadline) {
  auto record = co_await records_.read(part_key(job, job.job.next_part), deadline);
  if (!record) co_return forward_error(record);
  if (!*record) co_return fail(ErrorCode::kNotFound, "the job's documents are gone");
  co_return std::move((*record)->value);
}

net::Task<Result<KnownJob>> Jobs::write(KnownJob job, Deadline deadline) {
  store::RecordWrite write{job_key(job), job_json(job.job), expiry(job.job), job.version};
  auto written = co_await records_.write(std::move(write), deadline);
  if (!written) co_return forward_error(written);
  job.version = *written;
  co_return job;
}

net::Task<Result<KnownJob>> Jobs::advance(KnownJob job, Deadline deadline) {
  auto advanced = co_await write(std::move(job), deadline);
  if (!advanced) co_return advanced;
  const std::uint32_t done = advanced->job.next_part;
  co_await forget_parts(*advanced, done - 1, done, deadline);
  co_return advanced;
}

net::Task<Result<KnownJob>> Jobs::close(KnownJob job, Deadline deadline) {
  auto closed = co_await write(std::move(job), deadline);
  if (!closed) co_return closed;
  const Job& finished = closed->job;
  const std::uint32_t first = finished.next_part > 0 ? finished.next_part - 1 : 0;
  co_await forget_parts(*closed, first, finished.parts, deadline);
  // Else the next node that looks does it.
  (void)co_await records_.erase(queue_key(closed->tenant, closed->id), std::nullopt, deadline);
  co_return closed;
}

} // namespace raglan::node

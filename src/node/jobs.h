// The jobs of all tenants, as records of the store (store/records.h), and what nodes and clients do
// with them.
//
//   auto job = co_await jobs.submit(collection, documents, deadline);       // durable from here on
//   auto claimed = co_await jobs.claim(queued, node, deadline);             // on any node
//   while (auto part = co_await jobs.read_part(*claimed, deadline)) …index it…, jobs.advance(…)
//
// A job is three kinds of records: the job itself; its documents, in parts; and its place in the
// queue, which goes when the job is finished and holds the lease of the node that works on it
// (policy/job_schedule.h). None expires before the job is finished, but the parts after 30 days. A
// node that has lost a lease to another finds the job's record changed: it writes neither to it
// nor, as that is the guard of its documents, to the collection.
//
// Errors: those of store/records.h; kNotFound for whatever is no job of the tenant's; kConflict
// where somebody else has changed the job. Thread safety: any event loop, concurrently.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/table.h"
#include "node/job.h"
#include "node/job_parts.h"
#include "policy/job_schedule.h"
#include "store/store.h"

namespace raglan::node {

struct JobsConfig {
  bool enabled = true; // whether this node works on them; it takes them in any case
  std::chrono::milliseconds lease = std::chrono::seconds(15);
  std::size_t concurrency = 1;
  std::size_t max_queued = 1'000;
  std::size_t max_queued_per_tenant = 500;
  std::size_t max_queued_bytes = 4UL << 30;
  std::size_t max_queued_bytes_per_tenant = 1UL << 30;
  std::chrono::milliseconds give_up_after = std::chrono::hours(24);
  std::chrono::milliseconds keep_finished = std::chrono::hours(24);
};
void describe(config::Table<JobsConfig>& table);

// A job, whose it is, and which version of its record that is.
struct KnownJob {
  std::string tenant;
  std::string id;
  Job job;
  std::uint64_t version = 0;
};

class Jobs {
 public:
  Jobs(JobsConfig config, store::Records& records, const Clock& clock)
      : config_(config), records_(records), clock_(clock) {}

  // kOverloaded when there are max_queued already, or the tenant has max_queued_per_tenant, or
  // there would be more bytes of documents than may wait; kTooLarge for a document that no record
  // holds, and for more than may ever wait.
  net::Task<Result<KnownJob>> submit(store::CollectionKey collection, JobParts parts,
                                     Deadline deadline);
  net::Task<Result<KnownJob>> find(std::string tenant, std::string id, Deadline deadline);
  // By their ids, which sort by time; at most `limit` after `after_id`.
  net::Task<Result<std::vector<store::Record>>> list(std::string tenant, std::string after_id,
                                                     std::uint32_t limit, Deadline deadline);
  // What is indexed already stays. kConflict for one that is finished.
  net::Task<Result<KnownJob>> cancel(std::string tenant, std::string id, Deadline deadline);

  // For nodes.
  net::Task<Result<std::vector<policy::QueuedJob>>> queued(Deadline deadline);
  // kConflict when another node was faster; kNotFound when nothing is left to do; kCorrupt.
  net::Task<Result<KnownJob>> claim(policy::QueuedJob queued, std::string node, Deadline deadline);
  // kConflict when the lease is another's by now.
  net::Task<Result<>> renew(const KnownJob& job, std::string node, Deadline deadline);
  // Other nodes may claim it at once. kConflict when the lease is another's by now.
  net::Task<Result<>> give_back(KnownJob job, std::string node, Deadline deadline);
  // Of the part that comes next. kNotFound when its documents are not there.
  net::Task<Result<std::string>> read_part(const KnownJob& job, Deadline deadline);
  // Of a job that went on by one part, which is forgotten.
  net::Task<Result<KnownJob>> advance(KnownJob job, Deadline deadline);
  // Of a job that is finished: with what is left of its documents, and its place in the queue.
  net::Task<Result<KnownJob>> close(KnownJob job, Deadline deadline);
  store::RecordGuard guard(const KnownJob& job) const;

 private:
  Result<> check_room(const std::vector<policy::QueuedJob>& waiting, std::string_view tenant,
                      std::uint64_t bytes) const;
  WallTime expiry(const Job& job) const;
  net::Task<Result<KnownJob>> write(KnownJob job, Deadline deadline);
  net::Task<void> forget_parts(const KnownJob& job, std::uint32_t first, std::uint32_t end,
                               Deadline deadline);
  net::Task<Result<>> write_parts(const KnownJob& job, std::vector<std::string> texts,
                                  Deadline deadline);
  net::Task<Result<>> replace_lease(const KnownJob& job, std::string holder, std::string next,
                                    Deadline deadline);
  // Of what was not submitted after all.
  net::Task<void> forget(KnownJob job);

  const JobsConfig config_;
  store::Records& records_;
  const Clock& clock_;
};

Result<KnownJob> parse_job_record(store::Record record);

} // namespace raglan::node

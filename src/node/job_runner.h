// A node's part in the jobs of its store: it looks for one that nobody works on, and works on it.
//
//   JobRunner runner(config, {jobs, writer, bulk, clock});
//   runner.begin(loops.executor(0));
//   …
//   runner.stop();                      // parts under way are ended, and their jobs given back
//   while (runner.running() > 0) …wait…
//
// Part by part: the documents are indexed as those of a request are (node/document_writer.h), and
// then the job says so. A node that takes over from one that died begins with the part that was
// under way; what of it was written is found unchanged. What may succeed later (a model or a store
// that is away, a full disk) is tried again until the job is given up, after kMaxTries by other
// jobs' turns: it is given back, and this node leaves it alone for kRest. A part over which nodes
// have died kMaxClaims times is left out, so that it cannot end one node after the other.
//
// Thread safety: all members, from any thread; it must outlive the loop's last coroutine.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "net/offload.h"
#include "net/wakeup.h"
#include "node/document_writer.h"
#include "node/jobs.h"

namespace raglan::node {

class JobRunner {
 public:
  static constexpr std::chrono::seconds kMaxPoll{1}; // between two looks
  static constexpr std::uint32_t kMaxClaims = 5;
  static constexpr int kMaxTries = 5;
  static constexpr std::chrono::seconds kRest{30};

  struct Parts {
    Jobs& jobs;
    DocumentWriter& writer;
    net::Submit bulk; // reads the documents
    const Clock& clock;
  };
  struct Stats {
    std::uint64_t finished = 0;
    std::uint64_t resumed = 0; // taken over from a node that was silent
  };

  JobRunner(JobsConfig config, Parts parts);

  // Once.
  void begin(const boost::asio::any_io_executor& loop);
  // There is one more, which need not wait for the next look.
  void wake();
  void stop() { stopping_ = true; }

  std::size_t running() const { return running_; }
  std::size_t queued() const { return queued_; } // of all nodes', when it last looked
  Stats stats() const { return {finished_, resumed_}; }

 private:
  using Statuses = std::vector<DocumentStatus>;

  net::Task<void> watch();
  net::Task<void> look();
  net::Task<void> take(policy::QueuedJob queued);
  net::Task<void> keep_lease(const KnownJob& job);
  // Until it is finished, given back, or somebody else's.
  net::Task<void> work(KnownJob job);
  net::Task<void> work_on_parts(KnownJob job);
  // Of the next part. An error: it is to be tried again; kConflict: the job is somebody else's.
  net::Task<Result<Statuses>> index_part(const KnownJob& job);
  net::Task<Result<std::vector<ParsedDocument>>> read_part(const KnownJob& job);
  net::Task<bool> is_lost(const KnownJob& job);
  // Tries again while the store is away. Nothing: the job is somebody else's, or given up.
  net::Task<std::optional<KnownJob>> save(KnownJob job);
  bool is_hopeless(const Job& job) const;
  Deadline record_deadline() const;

  const JobsConfig config_;
  const Parts parts_;
  const std::string node_; // how leases name this one
  boost::asio::any_io_executor loop_;
  std::optional<net::Wakeup> wakeup_; // once it has begun
  policy::JobSchedule schedule_;      // of the loop, as what rests
  std::atomic<bool> stopping_ = false;
  std::atomic<std::size_t> running_ = 0;
  std::atomic<std::size_t> queued_ = 0;
  std::atomic<std::uint64_t> finished_ = 0;
  std::atomic<std::uint64_t> resumed_ = 0;
};

} // namespace raglan::node

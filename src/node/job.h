// A job: documents that are indexed behind the request that brought them.
//
// What is kept of it, as JSON, and what may happen to it. Values; thread safe.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "ingest/document_status.h"

namespace raglan::node {

enum class JobState : std::uint8_t {
  kQueued,    // no node works on it
  kRunning,   // one does, or has died over it
  kDone,      // every document was indexed, or has failed for good
  kFailed,    // given up: what kept failing did not end in time
  kCancelled, // by its tenant
};
std::string_view job_state_name(JobState state); // "queued", …

struct FailedDocument {
  std::string id;
  std::string code; // of its error
  std::string message;
  bool operator==(const FailedDocument&) const = default;
};

struct Job {
  static constexpr std::size_t kMaxFailuresKept = 100;

  std::string collection;
  JobState state = JobState::kQueued;
  WallTime created_at;
  std::optional<WallTime> started_at;
  std::optional<WallTime> finished_at;
  std::uint64_t documents = 0; // in all
  std::uint64_t indexed = 0;
  std::uint64_t unchanged = 0;
  std::uint64_t failed = 0;
  std::vector<FailedDocument> failures; // the first of them
  std::string error_code;               // why it failed, of one that has
  std::string error_message;
  std::uint32_t parts = 0;               // that the documents are kept in
  std::uint32_t next_part = 0;           // those before are done
  std::uint32_t claims = 0;              // by nodes, since a part was last done
  std::optional<WallTime> failing_since; // no part was done, but tried, since then

  bool is_finished() const { return state != JobState::kQueued && state != JobState::kRunning; }
  bool operator==(const Job&) const = default;
};

std::string job_json(const Job& job);
// Nothing when it is damaged.
std::optional<Job> parse_job(std::string_view json);

void claim(Job& job, WallTime now);
// Its node stops, and is not to be blamed for that.
void give_back(Job& job);
// A part is done, and with the last one the job.
void complete_part(Job& job, std::span<const ingest::DocumentStatus> statuses, WallTime now);
void finish(Job& job, JobState state, WallTime now);
void give_up(Job& job, const Error& error, WallTime now);

} // namespace raglan::node

#include "node/job.h"

#include <algorithm>
#include <array>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "base/json_lookup.h"
#include "base/json_text.h"
#include "base/unix_time.h"

namespace raglan::node {
namespace json = boost::json;
namespace {

constexpr std::array<std::string_view, 5> kStateNames{"queued", "running", "done", "failed",
                                                      "cancelled"};

json::value time_json(const std::optional<WallTime>& time) {
  return time ? json::value(to_unix_milliseconds(*time)) : json::value();
}

json::array failures_json(const std::vector<FailedDocument>& failures) {
  json::array array;
  for (const FailedDocument& failure : failures) {
    array.push_back(
        json::object{{"id", failure.id}, {"code", failure.code}, {"message", failure.message}});
  }
  return array;
}

} // namespace

std::string_view job_state_name(JobState state) {
  return kStateNames[static_cast<std::size_t>(state)];
}

std::string job_json(const Job& job) {
  return json_text(json::object{{"collection", job.collection},
                                {"state", job_state_name(job.state)},
                                {"created_at_ms", to_unix_milliseconds(job.created_at)},
                                {"started_at_ms", time_json(job.started_at)},
                                {"finished_at_ms", time_json(job.finished_at)},
                                {"documents", job.documents},
                                {"indexed", job.indexed},
                                {"unchanged", job.unchanged},
                                {"failed", job.failed},
                                {"failures", failures_json(job.failures)},
                                {"error_code", job.error_code},
                                {"error_message", job.error_message},
                                {"parts", job.parts},
                                {"next_part", job.next_part},
                                {"claims", job.claims},
                                {"failing_since_ms", time_json(job.failing_since)}});
}

std::optional<Job> parse_job(std::string_view text) {
  boost::system::error_code failure;
  const json::value value = json::parse(text, failure);
  const json::array* failures = failure ? nullptr : array_at(value, "failures");
  const auto state = std::ranges::find(kStateNames, failure ? "" : text_at(value, "state"));
  if (failures == nullptr || state == kStateNames.end()) return std::nullopt;
  Job job{.collection = std::string(text_at(value, "collection")),
          .state = static_cast<JobState>(state - kStateNames.begin()),
          .created_at = time_at(value, "created_at_ms").value_or(WallTime()),
          .started_at = time_at(value, "started_at_ms"),
          .finished_at = time_at(value, "finished_at_ms"),
          .documents = count_at(value, "documents"),
          .indexed = count_at(value, "indexed"),
          .unchanged = count_at(value, "unchanged"),
          .failed = count_at(value, "failed"),
          .failures = {},
          .error_code = std::string(text_at(value, "error_code")),
          .error_message = std::string(text_at(value, "error_message")),
          .parts = static_cast<std::uint32_t>(count_at(value, "parts")),
          .next_part = static_cast<std::uint32_t>(count_at(value, "next_part")),
          .claims = static_cast<std::uint32_t>(count_at(value, "claims")),
          .failing_since = time_at(value, "failing_since_ms")};
  for (const json::value& each : *failures) {
    job.failures.push_back({std::string(text_at(each, "id")), std::string(text_at(each, "code")),
                            std::string(text_at(each, "message"))});
  }
  return job;
}

void claim(Job& job, WallTime now) {
  job.state = JobState::kRunning;
  if (!job.started_at) job.started_at = now;
  ++job.claims;
}

void give_back(Job& job) {
  job.state = JobState::kQueued;
  if (job.claims > 0) --job.claims;
}

void complete_part(Job& job, std::span<const ingest::DocumentStatus> statuses, WallTime now) {
  using ingest::DocumentState;
  for (const ingest::DocumentStatus& status : statuses) {
    switch (status.state) {
      case DocumentState::kIndexed: ++job.indexed; break;
      case DocumentState::kUnchanged: ++job.unchanged; break;
      case DocumentState::kFailed: {
        ++job.failed;
        if (job.failures.size() == Job::kMaxFailuresKept) break;
        const Error error = status.error.value_or(Error());
        job.failures.push_back(
            {status.id, std::string(error_code_name(error.code)), error.message});
      }
    }
  }
  ++job.next_part;
  job.claims = 0;
  job.failing_since.reset();
  if (job.next_part == job.parts) finish(job, JobState::kDone, now);
}

void finish(Job& job, JobState state, WallTime now) {
  job.state = state;
  job.finished_at = now;
}

void give_up(Job& job, const Error& error, WallTime now) {
  job.error_code = error_code_name(error.code);
  job.error_message = error.message;
  finish(job, JobState::kFailed, now);
}

} // namespace raglan::node

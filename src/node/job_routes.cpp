#include "node/job_routes.h"

#include <utility>

#include <boost/json/array.hpp>

#include "base/json_text.h"
#include "base/log.h"
#include "node/body_work.h"
#include "node/document_json.h"
#include "node/identity_scope.h"
#include "node/page_parameters.h"
#include "node/request_scope.h"

namespace raglan::node {
namespace json = boost::json;
namespace {

constexpr std::uint32_t kUsualPage = 100;
constexpr std::uint32_t kMaxPage = 1'000;

json::value time_json(const std::optional<WallTime>& time) {
  return time ? json::value(iso_time(*time)) : json::value();
}

json::array failures_json(const std::vector<FailedDocument>& failures) {
  json::array array;
  for (const FailedDocument& failure : failures) {
    const json::object error{{"code", failure.code}, {"message", failure.message}};
    array.push_back(json::object{{"id", failure.id}, {"error", error}});
  }
  return array;
}

// Blocking, for a long page.
std::string page_text(std::vector<store::Record> records, std::uint32_t limit) {
  json::value next;
  if (records.size() == limit) next = json::value(records.back().key.id);
  json::array jobs;
  for (store::Record& record : records) {
    const std::string id = record.key.id;
    if (auto job = parse_job_record(std::move(record))) {
      jobs.push_back(job_reply(*job));
    } else {
      log_warning("a job is damaged", {{"job", id}});
    }
  }
  return json_text(json::object{{"jobs", std::move(jobs)}, {"next_after", std::move(next)}});
}

net::Task<http::Response> list(JobRouteParts parts, http::Request& request) {
  const auto deadline = request_deadline(request, parts.request_timeout);
  if (!deadline) co_return error_reply(deadline.error(), request);
  auto page = page_parameters(request, kUsualPage, kMaxPage);
  if (!page) co_return error_reply(page.error(), request);
  auto records = co_await parts.jobs.list(identity_of(request).tenant, std::move(page->after),
                                          page->limit, *deadline);
  if (!records) co_return error_reply(records.error(), request);
  std::size_t bytes = 0;
  for (const store::Record& record : *records) bytes += record.value.size();
  auto write = [records = std::move(*records),
                limit = page->limit]() mutable -> Result<std::string> {
    return page_text(std::move(records), limit);
  };
  auto body = co_await work_on_body(bytes, parts.bulk, std::move(write), *deadline, parts.clock);
  if (!body) co_return error_reply(body.error(), request);
  co_return http::json_response(200, std::move(*body));
}

using OfOneJob = net::Task<Result<KnownJob>> (Jobs::*)(std::string tenant, std::string id,
                                                       Deadline deadline);

net::Task<http::Response> answer(JobRouteParts parts, OfOneJob call, http::Request& request) {
  const auto deadline = request_deadline(request, parts.request_timeout);
  if (!deadline) co_return error_reply(deadline.error(), request);
  std::string id(request.path_parameter("id"));
  auto job = co_await (parts.jobs.*call)(identity_of(request).tenant, std::move(id), *deadline);
  if (!job) co_return error_reply(job.error(), request);
  co_return http::json_response(200, json_text(job_reply(*job)));
}

} // namespace

json::object job_reply(const KnownJob& known) {
  const Job& job = known.job;
  json::value error;
  if (!job.error_code.empty()) {
    error = json::object{{"code", job.error_code}, {"message", job.error_message}};
  }
  return {{"id", known.id},
          {"state", job_state_name(job.state)},
          {"collection", job.collection},
          {"created_at", iso_time(job.created_at)},
          {"started_at", time_json(job.started_at)},
          {"finished_at", time_json(job.finished_at)},
          {"documents", json::object{{"total", job.documents},
                                     {"indexed", job.indexed},
                                     {"unchanged", job.unchanged},
                                     {"failed", job.failed}}},
          {"failures", failures_json(job.failures)},
          {"error", std::move(error)}};
}

void add_job_routes(http::Router& router, JobRouteParts parts) {
  auto list_jobs = [parts](http::Request& request) { return list(parts, request); };
  router.add("GET", "/v1/jobs", with_parameters({"after", "limit"}, std::move(list_jobs)));
  const auto bind = [&parts](OfOneJob call) {
    return with_parameters(
        {}, [parts, call](http::Request& request) { return answer(parts, call, request); });
  };
  router.add("GET", "/v1/jobs/{id}", bind(&Jobs::find));
  router.add("DELETE", "/v1/jobs/{id}", bind(&Jobs::cancel));
}

} // namespace raglan::node

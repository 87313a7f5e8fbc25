// Documents that are indexed behind the request: POST /v1/documents?wait=queued, and /v1/jobs.
//
//   GET    /v1/jobs?after=&limit= → {"jobs": […], "next_after"}, by their ids, which sort by time
//   GET    /v1/jobs/{id} → {"id", "state", "collection", "created_at", "started_at", "finished_at",
//          "documents": {"total", "indexed", "unchanged", "failed"}, "failures": […], "error"}
//   DELETE /v1/jobs/{id} → the same, cancelled; 409 when it is finished
#pragma once

#include <boost/json/object.hpp>

#include "http/router.h"
#include "net/offload.h"
#include "node/jobs.h"

namespace raglan::node {

struct JobRouteParts {
  Jobs& jobs;       // must outlive the router, as the clock
  net::Submit bulk; // works on long lists
  const Clock& clock;
  Duration request_timeout;
};

boost::json::object job_reply(const KnownJob& job);
void add_job_routes(http::Router& router, JobRouteParts parts);

} // namespace raglan::node

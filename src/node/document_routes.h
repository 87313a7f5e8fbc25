// /v1/documents: write (one, many, NDJSON), list, get, put, delete.
//
// POST answers when the documents can be found; with `?wait=queued` as soon as it is certain that
// they will be, 202 with a job (node/job_routes.h). `?dry_run=true` says what would be done and
// does nothing. A request of many documents is answered 200 with a status for each; one document
// that fails is answered with its error.
#pragma once

#include "http/router.h"
#include "node/document_writer.h"
#include "node/job_runner.h"

namespace raglan::node {

struct DocumentRouteParts {
  DocumentWriter& writer;
  store::Store& store;
  Jobs& jobs;
  JobRunner& runner; // is told of new jobs
  net::Submit bulk;  // parses large bodies, and writes them
  const Clock& clock;
  Duration request_timeout;
  Duration write_timeout;
};

void add_document_routes(http::Router& router, DocumentRouteParts parts);

} // namespace raglan::node

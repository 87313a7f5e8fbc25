// The reply of /v1/query as server-sent events: `sources`, then the answer as `delta`s, as it is
// written, then `done` with the whole reply.
//
// Where it fails after it has begun the last event is `error`, with the body that the error has
// elsewhere: also when the language model fails after it has written something, because then what
// the reader has is no answer.
#pragma once

#include <string_view>

#include "http/response.h"
#include "rag/answer_stream.h"

namespace raglan::node {

http::Response query_stream(rag::StreamedReply reply, bool explain, std::string_view request_id);

// What a stream ends in whose text was taken back.
Error interrupted_answer();

} // namespace raglan::node

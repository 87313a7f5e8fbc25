// Answers as JSON: what /v1/query and /v1/search reply.
//
// What all replies with the same answer have in common, nearly all of it, is written once and kept
// with the answer (rag/rendered_once.h): a hit of the query cache copies it. Written as text and
// not through a JSON document for that reason.
#pragma once

#include <span>
#include <string>

#include "http/request.h"
#include "http/response.h"
#include "rag/query.h"

namespace raglan::node {

// {"sources":[…]}
std::string sources_text(const rag::Answer& answer, bool explain);

// {"id", "answer", "found", "sources", "generation", "cache", "degraded", "timings_ms", "usage"}
std::string reply_text(const rag::QueryReply& reply, bool explain);
void append_reply_text(std::string& text, const rag::QueryReply& reply, bool explain);

// RFC 9211, e.g. `raglan; hit; key="…"` or `raglan; fwd=miss; stored; key="…"`.
std::string cache_status_header(const rag::QueryReply& reply);
// Of several questions in one request: a hit when all were, fwd=partial when some were.
std::string cache_status_header(std::span<const rag::QueryReply> replies);
// Of `"cache": "only"`, when there is nothing.
inline constexpr std::string_view kNotCachedStatus = "raglan; detail=not-cached";
// Of a question.
http::Response query_error(const Error& error, const http::Request& request);

} // namespace raglan::node

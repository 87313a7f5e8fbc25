#include "node/reply_json.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include <fmt/format.h>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value_from.hpp>

#include "base/json_text.h"
#include "node/request_scope.h"

namespace raglan::node {
namespace json = boost::json;
namespace {

std::string_view status_name(rag::CacheStatus status) {
  switch (status) {
    case rag::CacheStatus::kHit: return "hit";
    case rag::CacheStatus::kStale: return "stale";
    case rag::CacheStatus::kMiss: return "miss";
    case rag::CacheStatus::kCoalesced: return "coalesced";
    case rag::CacheStatus::kRefresh: return "refresh";
    case rag::CacheStatus::kBypass: return "bypass";
  }
  return "miss";
}

std::string_view layer_text(const std::optional<rag::CacheLayer>& layer) {
  if (!layer) return "null";
  switch (*layer) {
    case rag::CacheLayer::kQuery: return R"("query")";
    case rag::CacheLayer::kRetrieval: return R"("retrieval")";
    case rag::CacheLayer::kEmbedding: return R"("embedding")";
  }
  return "null";
}

json::object source_json(const rag::Source& source, bool explain) {
  json::object object{{"n", source.n},
                      {"document_id", source.document_id},
                      {"chunk_id", std::to_string(source.chunk_id)},
                      {"title", source.title},
                      {"title_path", source.title_path},
                      {"uri", source.uri},
                      {"text", source.text},
                      {"score", source.score},
                      {"start", source.start},
                      {"end", source.end}};
  if (explain) {
    const rag::Ranked& ranked = source.explanation;
    object["explanation"] = json::object{{"cosine", ranked.cosine},
                                         {"bm25", ranked.bm25},
                                         {"dense_rank", ranked.dense_rank},
                                         {"lexical_rank", ranked.lexical_rank}};
  }
  return object;
}

void append_sources(std::string& text, const rag::Answer& answer, bool explain) {
  json::array sources;
  for (const rag::Source& source : answer.sources) sources.push_back(source_json(source, explain));
  text += R"("sources":)";
  append_json_text(text, sources);
}

json::value author_json(const std::optional<rag::Authorship>& author) {
  if (!author) return nullptr;
  return json::object{{"model", author->model},
                      {"finish_reason", model::finish_reason_name(author->finish)},
                      {"truncated", author->truncated},
                      {"citations_removed", author->citations_removed}};
}

// "answer":…,"found":…,"sources":[…],"generation":{…}
std::string answer_text(const rag::Answer& answer, bool explain) {
  std::string text = R"("answer":)";
  append_json_text(text, answer.text ? json::value(*answer.text) : json::value(nullptr));
  text += answer.found ? R"(,"found":true,)" : R"(,"found":false,)";
  append_sources(text, answer, explain);
  text += R"(,"generation":)";
  append_json_text(text, author_json(answer.author));
  return text;
}

void append_degraded(std::string& text, const rag::QueryReply& reply) {
  if (reply.service_level == 0 && reply.answer->is_full_quality()) {
    text += R"("degraded":{"level":0,"reasons":[]})";
    return;
  }
  auto reasons = json::value_from(reply.answer->degraded_reasons).as_array();
  const bool said = reply.answer->has_reason(reply.service_reason);
  if (!reply.service_reason.empty() && !said) reasons.emplace_back(reply.service_reason);
  const json::object degraded{{"level", reply.degraded_level()}, {"reasons", std::move(reasons)}};
  text += R"("degraded":)";
  append_json_text(text, degraded);
}

// As append_json_text writes to_milliseconds(took), without a search for the shortest digits: there
// are at most six behind the point.
void append_milliseconds(std::string& text, Duration took) {
  const std::int64_t nanoseconds = std::max(std::chrono::nanoseconds(took).count(), 0L);
  constexpr std::int64_t kPerMillisecond = 1'000'000;
  text += std::to_string(nanoseconds / kPerMillisecond);
  std::string digits = std::to_string(kPerMillisecond + nanoseconds % kPerMillisecond);
  digits.front() = '.';
  while (digits.ends_with('0') && digits.size() > 2) digits.pop_back();
  text += digits;
}

void append_timings(std::string& text, const rag::QueryReply& reply) {
  text += R"("timings_ms":{)";
  for (const auto& [stage, took] : reply.timings) {
    text += '"';
    text += stage;
    text += R"(":)";
    append_milliseconds(text, took);
    text += ',';
  }
  text += R"("total":)";
  append_milliseconds(text, reply.total);
  text += '}';
}

} // namespace

std::string sources_text(const rag::Answer& answer, bool explain) {
  std::string text = "{";
  append_sources(text, answer, explain);
  text += '}';
  return text;
}

std::string reply_text(const rag::QueryReply& reply, bool explain) {
  std::string text;
  append_reply_text(text, reply, explain);
  return text;
}

void append_reply_text(std::string& text, const rag::QueryReply& reply, bool explain) {
  const rag::Answer& answer = *reply.answer;
  const std::string explained = explain ? answer_text(answer, true) : "";
  const std::string& kept =
      explain ? explained : answer.rendered.text([&] { return answer_text(answer, false); });
  const rag::ReplyUsage usage = reply.usage();
  constexpr std::size_t kRestBytes = 512;
  text.reserve(text.size() + kept.size() + kRestBytes);
  const auto out = std::back_inserter(text);
  for (const std::string_view part : std::initializer_list<std::string_view>{
           R"({"id":")", reply.id, R"(",)", kept, R"(,"cache":{"status":")",
           status_name(reply.cache), R"(","layer":)", layer_text(reply.layer)}) {
    text += part;
  }
  if (reply.reuse) fmt::format_to(out, R"(,"similarity":{:.4f})", reply.reuse->similarity);
  text += "},";
  append_degraded(text, reply);
  text += ',';
  append_timings(text, reply);
  fmt::format_to(
      out, R"(,"usage":{{"embedding_tokens":{},"prompt_tokens":{},"completion_tokens":{}}}}})",
      usage.embedding_tokens, usage.prompt_tokens, usage.completion_tokens);
}

std::string cache_status_header(std::span<const rag::QueryReply> replies) {
  const auto hits = std::ranges::count_if(replies, [](const rag::QueryReply& reply) {
    return reply.cache == rag::CacheStatus::kHit || reply.cache == rag::CacheStatus::kStale;
  });
  if (hits == std::ssize(replies)) return "raglan; hit";
  return hits > 0 ? "raglan; fwd=partial" : "raglan; fwd=miss";
}

std::string cache_status_header(const rag::QueryReply& reply) {
  using rag::CacheStatus;
  // The key is the question's own, where nothing is.
  if (reply.cache == CacheStatus::kHit && reply.reuse) return "raglan; hit; detail=similar";
  if (reply.cache == CacheStatus::kBypass) return "raglan; fwd=bypass";
  std::string text = "raglan; ";
  constexpr std::size_t kUsualBytes = 96;
  text.reserve(kUsualBytes);
  const bool hit = reply.cache == CacheStatus::kHit || reply.cache == CacheStatus::kStale;
  const bool asked = reply.cache == CacheStatus::kRefresh; // the cache was not
  text += hit ? "hit" : (asked ? "fwd=request" : "fwd=miss");
  if (reply.cache == CacheStatus::kCoalesced) text += "; collapsed";
  if (!hit && reply.stored) text += "; stored";
  if (!asked && reply.key) {
    text += R"(; key=")";
    text += reply.key->hex();
    text += '"';
  }
  if (reply.cache == CacheStatus::kStale) text += "; detail=stale";
  return text;
}

http::Response query_error(const Error& error, const http::Request& request) {
  http::Response response = error_reply(error, request);
  if (error.code == ErrorCode::kNotCached) response.headers.set("cache-status", kNotCachedStatus);
  return response;
}

} // namespace raglan::node

#include "balancer/content_key.h"

#include <boost/json/parse.hpp>
#include <cstring>

#include "base/hash.h"
#include "base/json_lookup.h"
#include "rag/query_key.h"

namespace raglan::balancer {
namespace {

// Of /v1/search an array stands for its first question: those that are asked together stay so.
std::string_view question_of(const boost::json::value& request) {
  const std::string_view query = text_at(request, "query");
  if (!query.empty()) return query;
  if (const auto* queries = array_at(request, "query")) {
    return !queries->empty() && queries->front().is_string()
               ? std::string_view(queries->front().get_string())
               : std::string_view();
  }
  const auto* messages = array_at(request, "messages");
  return messages == nullptr || messages->empty() ? "" : text_at(messages->back(), "content");
}

} // namespace

bool asks_by_content(std::string_view method, std::string_view path) {
  return method == "POST" &&
         (path == "/v1/query" || path == "/v1/search" || path == "/v1/chat/completions");
}

std::optional<std::uint64_t> content_key(std::string_view body) {
  boost::system::error_code error;
  const boost::json::value request = boost::json::parse(body, error);
  const std::string_view question = error ? "" : question_of(request);
  if (question.empty()) return std::nullopt;
  std::string buffer;
  const Hash128 hash = Hasher()
                           .add(text_at(request, "collection"))
                           .add(rag::normalise_query(question, buffer))
                           .finish();
  std::uint64_t key = 0;
  std::memcpy(&key, hash.bytes.data(), sizeof key);
  return key;
}

} // namespace raglan::balancer

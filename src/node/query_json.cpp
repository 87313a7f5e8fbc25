#include "node/query_json.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/json_text.h"
#include "node/json_fields.h"
#include "node/sessions.h"
#include "store/filter_parse.h"

namespace raglan::node {
namespace json = boost::json;
namespace {

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n\f\v") == std::string_view::npos;
}

void check_query_text(JsonFields& fields, const std::string& text) {
  if (!fields.failed() && is_blank(text)) fields.reject("query", "'query' must not be empty");
}

Result<ParsedQuery> parse_question(const json::value& value, std::string pointer,
                                   const std::string& tenant, std::uint32_t default_top_k,
                                   bool in_session) {
  JsonFields fields(value, std::move(pointer));
  ParsedQuery parsed;
  std::string text = fields.required_string("query", kMaxQueryBytes);
  check_query_text(fields, text);
  rag::QueryRequest request = parse_parameters(fields, tenant, default_top_k);
  request.query = std::move(text);
  request.mode = static_cast<rag::QueryMode>(fields.choice("mode", {"answer", "retrieve"}, 0));
  parsed.stream = fields.boolean("stream", false);
  if (in_session) parsed.session_id = fields.optional_string("session_id", Sessions::kMaxIdBytes);
  if (auto ok = fields.finish(); !ok) return forward_error(ok);
  parsed.requests.push_back(std::move(request));
  return parsed;
}

} // namespace

rag::QueryRequest parse_parameters(JsonFields& fields, const std::string& tenant,
                                   std::uint32_t default_top_k) {
  rag::QueryRequest request;
  request.collection = {tenant,
                        fields.string("collection", store::kDefaultCollection, kMaxNameBytes)};
  if (!is_valid_name(request.collection.name)) {
    fields.reject("collection", "not a valid collection name");
  }
  request.top_k = static_cast<std::uint32_t>(fields.integer("top_k", default_top_k, 1, kMaxTopK));
  request.cache =
      static_cast<rag::CacheMode>(fields.choice("cache", {"use", "refresh", "bypass", "only"}, 0));
  request.explain = fields.boolean("explain", false);
  if (const json::value* filter = fields.value("filter")) {
    if (auto parsed = store::parse_filter(*filter, fields.pointer_to("filter"))) {
      request.filter = std::move(*parsed);
      request.filter_json = json_text(*filter);
    } else {
      fields.reject_with(std::move(parsed.error()));
    }
  }
  return request;
}

bool is_valid_name(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  return !name.empty() && name.size() <= kMaxNameBytes && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), allowed);
}

Result<ParsedQuery> parse_query(std::string_view body, const std::string& tenant,
                                std::uint32_t default_top_k) {
  auto value = parse_json_body(body);
  if (!value) return forward_error(value);
  return parse_question(*value, "", tenant, default_top_k, true);
}

Result<std::vector<rag::QueryRequest>> parse_warm(std::string_view body, const std::string& tenant,
                                                  std::uint32_t default_top_k) {
  auto value = parse_json_body(body);
  if (!value) return forward_error(value);
  JsonFields fields(*value, "");
  const json::value* queries = fields.value("queries");
  const json::array* array = queries ? queries->if_array() : nullptr;
  if (!array || array->empty() || array->size() > kMaxQueriesPerWarm) {
    fields.reject("queries",
                  fmt::format("'queries' must hold 1 to {} questions", kMaxQueriesPerWarm));
  }
  if (auto ok = fields.finish(); !ok) return forward_error(ok);
  std::vector<rag::QueryRequest> requests;
  for (const json::value& element : *array) {
    const json::value question = element.is_string() ? json::object{{"query", element}} : element;
    const std::string pointer = fmt::format("/queries/{}", requests.size());
    // What only says how an answer is sent, or forbids keeping it, makes no sense here.
    for (const std::string_view name : {"cache", "explain", "stream"}) {
      if (!question.is_object() || !question.get_object().contains(name)) continue;
      return fail(ErrorCode::kInvalidField,
                  fmt::format("'{}' has no meaning for an answer that is only kept", name),
                  fmt::format("{}/{}", pointer, name));
    }
    auto parsed = parse_question(question, pointer, tenant, default_top_k, false);
    if (!parsed) return forward_error(parsed);
    requests.push_back(std::move(parsed->requests.front()));
  }
  return requests;
}

Result<ParsedQuery> parse_search(std::string_view body, const std::string& tenant,
                                 std::uint32_t default_top_k) {
  auto value = parse_json_body(body);
  if (!value) return forward_error(value);
  JsonFields fields(*value, "");
  ParsedQuery parsed;
  std::vector<std::string> texts;
  const json::value* query =
      value->is_object() ? value->get_object().if_contains("query") : nullptr;
  if (const json::array* array = query ? query->if_array() : nullptr) {
    fields.value("query");
    parsed.was_array = true;
    if (array->empty() || array->size() > kMaxQueriesPerSearch) {
      fields.reject("query", fmt::format("'query' must hold 1 to {} texts", kMaxQueriesPerSearch));
    }
    for (const json::value& element : *array) {
      const json::string* text = element.if_string();
      if (!text || text->size() > kMaxQueryBytes || is_blank(*text)) {
        fields.reject("query",
                      fmt::format("each query must be a non-empty string of at most {} bytes",
                                  kMaxQueryBytes));
        break;
      }
      texts.emplace_back(*text);
    }
  } else {
    texts.push_back(fields.required_string("query", kMaxQueryBytes));
    check_query_text(fields, texts.front());
  }
  rag::QueryRequest request = parse_parameters(fields, tenant, default_top_k);
  request.mode = rag::QueryMode::kRetrieve;
  if (auto ok = fields.finish(); !ok) return forward_error(ok);
  for (std::string& text : texts) {
    request.query = std::move(text);
    parsed.requests.push_back(request);
  }
  return parsed;
}

} // namespace raglan::node

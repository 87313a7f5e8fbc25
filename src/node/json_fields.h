// Reads the fields of a JSON object that a client sent, and says exactly what is wrong with it.
//
//   JsonFields fields(body, "");
//   request.query = fields.required_string("query", kMaxQueryBytes);
//   request.top_k = fields.integer("top_k", 5, 1, 100);
//   if (auto ok = fields.finish(); !ok) return forward_error(ok);
//
// The first problem is kept and everything after it reads as its default, so that parsing code
// needs no branch per field. `finish` also refuses fields that nobody asked for (a typo in an
// optional field would otherwise be ignored in silence). Errors are kInvalidField with a JSON
// pointer in `param`.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "base/result.h"

namespace raglan::node {

// Parses a request body. kMalformedRequest when it is not JSON, too deeply nested, or not valid
// UTF-8.
Result<boost::json::value> parse_json_body(std::string_view body);

class JsonFields {
 public:
  // `value` must outlive this. `pointer` is the JSON pointer of `value` itself.
  JsonFields(const boost::json::value& value, std::string pointer);

  std::string required_string(std::string_view name, std::size_t max_bytes);
  std::string string(std::string_view name, std::string_view fallback, std::size_t max_bytes);
  std::optional<std::string> optional_string(std::string_view name, std::size_t max_bytes);
  std::int64_t integer(std::string_view name, std::int64_t fallback, std::int64_t min,
                       std::int64_t max);
  std::optional<std::int64_t> optional_integer(std::string_view name, std::int64_t min,
                                               std::int64_t max);
  std::optional<double> optional_number(std::string_view name, double min, double max);
  bool boolean(std::string_view name, bool fallback);
  // The index of the value in `choices`; the fallback's when absent.
  std::size_t choice(std::string_view name, std::initializer_list<std::string_view> choices,
                     std::size_t fallback);
  // Any value, or null when absent (or JSON null).
  const boost::json::value* value(std::string_view name);

  std::string pointer_to(std::string_view name) const;
  void reject(std::string_view name, std::string message);
  void reject_with(Error error); // of a parser that made its own pointer
  bool failed() const { return error_.has_value(); }
  Result<> finish();

 private:
  const boost::json::value* take(std::string_view name);

  const boost::json::object* object_ = nullptr;
  std::string pointer_;
  std::vector<std::string_view> known_;
  std::optional<Error> error_;
};

} // namespace raglan::node

// A statement and its parameters, as they go over the wire: in binary, which needs no escaping and
// no parsing. What `$1` is, the statement says with a cast:
//
//   Statement("SELECT id FROM chunk WHERE document_id = ANY($1::text[]) AND score > $2::float4",
//             ids, 0.5F)
//
// Parameters own their bytes.
//
// Thread safety: values.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace raglan::postgres {

// The bytes of a vector of pgvector's, for `$1::vector`; at most 16,000 numbers.
struct Vector {
  std::span<const float> values;
};
// As it goes over the wire.
std::string bytes_of(const Vector& vector);
// Bytes, for `$1::bytea`.
struct Bytes {
  std::string_view bytes;
};

class Statement {
 public:
  template <typename... Parameters>
  explicit Statement(std::string_view sql, const Parameters&... parameters) : sql_(sql) {
    (add(parameters), ...);
  }

  Statement& add(std::string_view text); // text, varchar, and what else reads as its own bytes
  Statement& add(const std::string& text) { return add(std::string_view(text)); }
  Statement& add(const char* text) { return add(std::string_view(text)); }
  Statement& add(std::int64_t number); // int8
  Statement& add(std::int32_t number); // int4
  Statement& add(float number);        // float4
  Statement& add(double number);       // float8
  Statement& add(bool value);          // bool
  Statement& add(const Vector& vector);
  Statement& add(const Bytes& bytes);
  Statement& add(std::nullopt_t);
  Statement& add(std::span<const std::string> texts);    // text[]
  Statement& add(std::span<const std::int64_t> numbers); // int8[]
  Statement& add(std::span<const double> numbers);       // float8[]

  // The same parameters for another text: one that says where those stand that were added to it.
  Statement with_sql(std::string sql) && {
    sql_ = std::move(sql);
    return std::move(*this);
  }

  const std::string& sql() const { return sql_; }
  std::size_t size() const { return parameters_.size(); }
  // The bytes of a parameter; null for NULL.
  const char* value(std::size_t index) const {
    return parameters_[index] ? parameters_[index]->data() : nullptr;
  }
  int length(std::size_t index) const {
    return parameters_[index] ? static_cast<int>(parameters_[index]->size()) : 0;
  }

 private:
  std::string sql_;
  std::vector<std::optional<std::string>> parameters_;
};

} // namespace raglan::postgres

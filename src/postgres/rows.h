// What a statement came to: rows in binary, and how many rows it changed.
//
//   for (std::size_t row = 0; row < rows.size(); ++row) use(rows.int64(row, 0), rows.text(row, 1));
//
// The reader of a column must know its type: int8 is read with int64, and so on. A value of another
// size than its reader expects, and NULL, read as zero or empty; `is_null` tells.
//
// Thread safety: values; views live as long as the rows.
#pragma once

#include <libpq-fe.h>

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace raglan::postgres {

class Rows {
 public:
  Rows() = default;
  explicit Rows(PGresult* result) : result_(result, &PQclear) {}

  std::size_t size() const {
    return result_ ? static_cast<std::size_t>(PQntuples(result_.get())) : 0;
  }
  bool empty() const { return size() == 0; }
  // Of INSERT, UPDATE, DELETE, COPY.
  std::uint64_t changed() const;

  bool is_null(std::size_t row, std::size_t column) const;
  std::string_view text(std::size_t row, std::size_t column) const;            // text and bytea
  std::int64_t int64(std::size_t row, std::size_t column) const;               // int8
  std::int32_t int32(std::size_t row, std::size_t column) const;               // int4
  float float32(std::size_t row, std::size_t column) const;                    // float4
  double float64(std::size_t row, std::size_t column) const;                   // float8
  bool boolean(std::size_t row, std::size_t column) const;                     // bool
  std::vector<float> vector(std::size_t row, std::size_t column) const;        // pgvector's
  std::vector<std::int64_t> int64s(std::size_t row, std::size_t column) const; // int8[], no NULLs

 private:
  template <typename T>
  T number(std::size_t row, std::size_t column) const;

  std::unique_ptr<PGresult, void (*)(PGresult*)> result_{nullptr, &PQclear};
};

} // namespace raglan::postgres

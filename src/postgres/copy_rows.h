// Rows for COPY … FROM STDIN (FORMAT binary), as they go over the wire.
//
//   CopyRows rows(3);
//   rows.begin_row().add(id).add(title).add(Vector{embedding});
//   auto copied = co_await session.copy_in("COPY t (id, title, embedding) FROM STDIN (FORMAT
//   binary)",
//                                          std::move(rows).finish(), deadline);
//
// Each row must be given as many columns as the constructor, of the columns' types.
//
// Thread safety: values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "postgres/statement.h"

namespace raglan::postgres {

class CopyRows {
 public:
  explicit CopyRows(std::int16_t columns);

  CopyRows& begin_row();
  CopyRows& add(std::string_view text); // text; bytea
  CopyRows& add(const std::string& text) { return add(std::string_view(text)); }
  CopyRows& add(std::int64_t number); // int8
  CopyRows& add(std::int32_t number); // int4
  CopyRows& add(const Vector& vector);

  bool empty() const { return rows_ == 0; }
  std::string finish() &&;

 private:
  const std::int16_t columns_;
  std::size_t rows_ = 0;
  std::string bytes_;
};

} // namespace raglan::postgres

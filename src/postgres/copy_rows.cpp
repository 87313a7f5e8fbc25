#include "postgres/copy_rows.h"

#include "postgres/wire.h"

namespace raglan::postgres {
namespace {

constexpr std::string_view kSignature("PGCOPY\n\377\r\n\0", 11);
constexpr std::int16_t kEnd = -1;

} // namespace

CopyRows::CopyRows(std::int16_t columns) : columns_(columns), bytes_(kSignature) {
  append_number<std::int32_t>(bytes_, 0); // flags
  append_number<std::int32_t>(bytes_, 0); // of an extension of the header
}

CopyRows& CopyRows::begin_row() {
  ++rows_;
  append_number(bytes_, columns_);
  return *this;
}

CopyRows& CopyRows::add(std::string_view text) {
  append_number(bytes_, static_cast<std::int32_t>(text.size()));
  bytes_ += text;
  return *this;
}

CopyRows& CopyRows::add(std::int64_t number) {
  append_number<std::int32_t>(bytes_, sizeof(number));
  append_number(bytes_, number);
  return *this;
}

CopyRows& CopyRows::add(std::int32_t number) {
  append_number<std::int32_t>(bytes_, sizeof(number));
  append_number(bytes_, number);
  return *this;
}

CopyRows& CopyRows::add(const Vector& vector) { return add(std::string_view(bytes_of(vector))); }

std::string CopyRows::finish() && {
  append_number(bytes_, kEnd);
  return std::move(bytes_);
}

} // namespace raglan::postgres

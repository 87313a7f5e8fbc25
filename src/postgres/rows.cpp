#include "postgres/rows.h"

#include <charconv>

#include "postgres/wire.h"

namespace raglan::postgres {

std::uint64_t Rows::changed() const {
  if (!result_) return 0;
  const std::string_view digits = PQcmdTuples(result_.get());
  std::uint64_t count = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), count);
  return count;
}

bool Rows::is_null(std::size_t row, std::size_t column) const {
  return PQgetisnull(result_.get(), static_cast<int>(row), static_cast<int>(column)) == 1;
}

std::string_view Rows::text(std::size_t row, std::size_t column) const {
  const int at = static_cast<int>(row);
  const int in = static_cast<int>(column);
  const char* bytes = PQgetvalue(result_.get(), at, in);
  if (bytes == nullptr) return {};
  return {bytes, static_cast<std::size_t>(PQgetlength(result_.get(), at, in))};
}

template <typename T>
T Rows::number(std::size_t row, std::size_t column) const {
  const std::string_view bytes = text(row, column);
  return bytes.size() == sizeof(T) ? read_number<T>(bytes.data()) : T();
}

std::int64_t Rows::int64(std::size_t row, std::size_t column) const {
  return number<std::int64_t>(row, column);
}

std::int32_t Rows::int32(std::size_t row, std::size_t column) const {
  return number<std::int32_t>(row, column);
}

float Rows::float32(std::size_t row, std::size_t column) const {
  return number<float>(row, column);
}

double Rows::float64(std::size_t row, std::size_t column) const {
  return number<double>(row, column);
}

bool Rows::boolean(std::size_t row, std::size_t column) const {
  return number<char>(row, column) != 0;
}

std::vector<float> Rows::vector(std::size_t row, std::size_t column) const {
  constexpr std::size_t kHead = 4;
  const std::string_view bytes = text(row, column);
  if (bytes.size() < kHead) return {};
  std::vector<float> values((bytes.size() - kHead) / sizeof(float));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = read_number<float>(bytes.data() + kHead + i * sizeof(float));
  }
  return values;
}

std::vector<std::int64_t> Rows::int64s(std::size_t row, std::size_t column) const {
  constexpr std::size_t kHead = 5 * sizeof(std::int32_t); // see array_of in statement.cpp
  constexpr std::size_t kElement = sizeof(std::int32_t) + sizeof(std::int64_t);
  const std::string_view bytes = text(row, column);
  if (bytes.size() < kHead) return {};
  std::vector<std::int64_t> numbers((bytes.size() - kHead) / kElement);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    numbers[i] =
        read_number<std::int64_t>(bytes.data() + kHead + i * kElement + sizeof(std::int32_t));
  }
  return numbers;
}

} // namespace raglan::postgres

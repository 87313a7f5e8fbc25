#include "postgres/statement.h"

#include "postgres/wire.h"

namespace raglan::postgres {
namespace {

// Object identifiers of the types of arrays' elements; they are the same in every server.
constexpr std::int32_t kText = 25;
constexpr std::int32_t kInt8 = 20;
constexpr std::int32_t kFloat8 = 701;

void append_element(std::string& out, const std::string& text) {
  append_number(out, static_cast<std::int32_t>(text.size()));
  out += text;
}

template <typename T>
  requires std::is_arithmetic_v<T>
void append_element(std::string& out, T number) {
  append_number(out, static_cast<std::int32_t>(sizeof number));
  append_number(out, number);
}

// One dimension, which begins at 1, without NULLs.
template <typename T>
std::string array_of(std::span<const T> elements, std::int32_t type) {
  std::string bytes;
  append_number<std::int32_t>(bytes, elements.empty() ? 0 : 1);
  append_number<std::int32_t>(bytes, 0);
  append_number<std::int32_t>(bytes, type);
  if (elements.empty()) return bytes;
  append_number<std::int32_t>(bytes, static_cast<std::int32_t>(elements.size()));
  append_number<std::int32_t>(bytes, 1);
  for (const T& element : elements) append_element(bytes, element);
  return bytes;
}

template <typename T>
  requires std::is_arithmetic_v<T>
std::string bytes_of(T number) {
  std::string bytes;
  append_number(bytes, number);
  return bytes;
}

} // namespace

std::string bytes_of(const Vector& vector) {
  std::string bytes;
  bytes.reserve(2 * sizeof(std::int16_t) + vector.values.size() * sizeof(float));
  append_number(bytes, static_cast<std::int16_t>(vector.values.size()));
  append_number<std::int16_t>(bytes, 0);
  for (const float value : vector.values) append_number(bytes, value);
  return bytes;
}

Statement& Statement::add(std::string_view text) {
  parameters_.emplace_back(text);
  return *this;
}

Statement& Statement::add(std::int64_t number) {
  parameters_.emplace_back(bytes_of(number));
  return *this;
}

Statement& Statement::add(std::int32_t number) {
  parameters_.emplace_back(bytes_of(number));
  return *this;
}

Statement& Statement::add(float number) {
  parameters_.emplace_back(bytes_of(number));
  return *this;
}

Statement& Statement::add(double number) {
  parameters_.emplace_back(bytes_of(number));
  return *this;
}

Statement& Statement::add(bool value) {
  parameters_.emplace_back(std::string(1, value ? '\1' : '\0'));
  return *this;
}

Statement& Statement::add(const Vector& vector) {
  parameters_.emplace_back(bytes_of(vector));
  return *this;
}

Statement& Statement::add(const Bytes& bytes) { return add(bytes.bytes); }

Statement& Statement::add(std::nullopt_t) {
  parameters_.emplace_back(std::nullopt);
  return *this;
}

Statement& Statement::add(std::span<const std::string> texts) {
  parameters_.emplace_back(array_of(texts, kText));
  return *this;
}

Statement& Statement::add(std::span<const std::int64_t> numbers) {
  parameters_.emplace_back(array_of(numbers, kInt8));
  return *this;
}

Statement& Statement::add(std::span<const double> numbers) {
  parameters_.emplace_back(array_of(numbers, kFloat8));
  return *this;
}

} // namespace raglan::postgres

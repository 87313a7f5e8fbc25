#include "model/token_estimate.h"

#include <algorithm>

namespace raglan::model {
namespace {

constexpr std::size_t kQuarters = 4; // of a token: an ASCII byte is one of them

// 0 for the bytes of a character after its first.
std::size_t quarters(char byte) {
  const auto value = static_cast<unsigned char>(byte);
  if (value < 0x80) return 1;
  return value >= 0xC0 ? kQuarters : 0;
}

} // namespace

std::size_t estimate_tokens(std::string_view text) {
  std::size_t sum = 0;
  for (const char byte : text) sum += quarters(byte);
  return (sum + kQuarters - 1) / kQuarters;
}

std::string_view first_tokens(std::string_view text, std::size_t max_tokens) {
  if (text.size() <= max_tokens) return text; // no text has more tokens than bytes
  std::size_t sum = 0;
  const auto over = std::ranges::find_if(text, [&](char byte) {
    sum += quarters(byte);
    return sum > max_tokens * kQuarters;
  });
  return text.substr(0, static_cast<std::size_t>(over - text.begin()));
}

} // namespace raglan::model

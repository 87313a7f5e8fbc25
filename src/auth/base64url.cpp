#include "auth/base64url.h"

#include <algorithm>
#include <span>

#include "base/base64.h"

namespace raglan::auth {

std::string base64url_encode(std::string_view bytes) {
  std::string text = base64_encode(std::as_bytes(std::span(bytes)));
  std::erase(text, '=');
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  return text;
}

std::optional<std::string> base64url_decode(std::string_view text) {
  if (text.find_first_of("+/=") != text.npos) return std::nullopt;
  std::string padded(text);
  std::ranges::replace(padded, '-', '+');
  std::ranges::replace(padded, '_', '/');
  padded.resize((padded.size() + 3) / 4 * 4, '=');
  const auto decoded = base64_decode(padded);
  if (!decoded) return std::nullopt;
  std::string bytes(reinterpret_cast<const char*>(decoded->data()), decoded->size());
  if (base64url_encode(bytes) != text) return std::nullopt;
  return bytes;
}

} // namespace raglan::auth

#include "redis/reply.h"

#include <algorithm>

namespace raglan::redis {

std::string_view Reply::error_word() const {
  constexpr std::size_t kLongestWord = 32;
  if (!is_error() || ours) return {};
  const auto end = std::ranges::find_if(text, [](char c) { return c < 'A' || c > 'Z'; });
  const auto size =
      std::min<std::size_t>(static_cast<std::size_t>(end - text.begin()), kLongestWord);
  return std::string_view(text).substr(0, size);
}

} // namespace raglan::redis

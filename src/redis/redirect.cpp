#include "redis/redirect.h"

#include "base/read_number.h"
#include "redis/hash_slot.h"

namespace raglan::redis {
std::optional<Redirect> parse_redirect(const Reply& reply, std::string_view asked_host) {
  const auto word = reply.error_word();
  Redirect redirect;
  if (word == "TRYAGAIN") {
    redirect.kind = Redirect::Kind::kTryAgain;
    return redirect;
  }
  if (word != "MOVED" && word != "ASK") return std::nullopt;
  if (word == "ASK") redirect.kind = Redirect::Kind::kAsk;
  const std::string_view text = reply.text;
  const auto first = text.find(' ');
  const auto second = text.find(' ', first + 1);
  const auto colon = text.rfind(':'); // an IPv6 address has colons, too
  if (first == text.npos || second == text.npos || colon == text.npos || colon < second) {
    return std::nullopt;
  }
  const auto host = text.substr(second + 1, colon - second - 1);
  redirect.host = host.empty() ? asked_host : host;
  const bool read = read_number(text.substr(first + 1, second - first - 1), redirect.slot) &&
                    read_number(text.substr(colon + 1), redirect.port);
  // "?": a server that goes by names and has none itself.
  if (!read || redirect.slot >= kHashSlots || redirect.port == 0 || redirect.host == "?") {
    return std::nullopt;
  }
  return redirect;
}

} // namespace raglan::redis

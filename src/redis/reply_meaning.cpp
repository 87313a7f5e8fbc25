#include "redis/reply_meaning.h"

#include <algorithm>
#include <array>

#include "redis/script.h"

namespace raglan::redis {
namespace {

using policy::Outcome;

template <std::size_t N>
bool is_one_of(const Reply& reply, const std::array<std::string_view, N>& words) {
  return reply.is_error() && std::ranges::find(words, reply.error_word()) != words.end();
}

// Of says_cannot_serve, what speaks of this server.
bool is_ill(const Reply& reply) {
  static constexpr std::array<std::string_view, 2> kWords = {"LOADING", "MASTERDOWN"};
  return is_one_of(reply, kWords);
}

} // namespace

bool says_cannot_serve(const Reply& reply) {
  return is_ill(reply) || reply.error_word() == "CLUSTERDOWN";
}

bool redirects(const Reply& reply, Mode mode) {
  static constexpr std::array<std::string_view, 3> kWords = {"MOVED", "ASK", "TRYAGAIN"};
  return mode == Mode::kCluster && is_one_of(reply, kWords);
}

bool refuses(const Reply& reply, Mode mode) {
  return reply.is_error() && !Script::unknown(reply) && !redirects(reply, mode);
}

bool suggests_change(const Reply& reply, Mode mode) {
  static constexpr std::array<std::string_view, 2> kWords = {"READONLY", "MASTERDOWN"};
  switch (mode) {
    case Mode::kCluster:
      return reply.error_word() == "MOVED" || reply.error_word() == "CLUSTERDOWN";
    case Mode::kSentinel: // NOREPLICAS: a master that was cut off, and may have been replaced
      return is_one_of(reply, kWords) || reply.error_word() == "NOREPLICAS";
    case Mode::kStandalone: break;
  }
  return is_one_of(reply, kWords);
}

bool suggests_connecting_anew(const Reply& reply, Mode mode) {
  return mode != Mode::kCluster && suggests_change(reply, mode);
}

Outcome outcome_of(const Result<Replies>& replies, Mode mode, bool neutral_if_late) {
  if (!replies) {
    const auto code = replies.error().code;
    if (code == ErrorCode::kDeadlineExceeded && neutral_if_late) return Outcome::kNeutral;
    return policy::outcome_of_error(code);
  }
  if (std::ranges::any_of(*replies, is_ill)) return Outcome::kFailure;
  const auto refused = [mode](const Reply& reply) { return refuses(reply, mode); };
  return std::ranges::any_of(*replies, refused) ? Outcome::kNeutral : Outcome::kSuccess;
}

bool failed(const Result<Replies>& replies) {
  return !replies && policy::outcome_of_error(replies.error().code) == Outcome::kFailure;
}

} // namespace raglan::redis

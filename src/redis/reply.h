// What Redis answered to one command: a tree of RESP2 values. Or, of one command among several in a
// cluster, that it did not.
//
// Pure values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace raglan::redis {

struct Reply {
  enum class Kind : std::uint8_t { kNil, kString, kStatus, kInteger, kArray, kError };

  Kind kind = Kind::kNil;
  std::int64_t integer = 0;    // kInteger
  std::string text;            // kString, kStatus, kError
  std::vector<Reply> elements; // kArray
  // Of an error reply that no server sent: why there is none (cluster_exchange.h).
  std::optional<ErrorCode> ours = std::nullopt;

  bool is_nil() const { return kind == Kind::kNil; }
  bool is_error() const { return kind == Kind::kError; }
  // "+OK"
  bool is_ok() const { return kind == Kind::kStatus && text == "OK"; }
  // Empty unless it is a string: what GET found, and never an error's or a status' text.
  std::optional<std::string_view> string() const {
    return kind == Kind::kString ? std::optional<std::string_view>(text) : std::nullopt;
  }
  // "WRONGTYPE" of an error: its first word, which names its kind. Servers' words are kept out of
  // messages beyond that, because the rest may repeat a key.
  std::string_view error_word() const;
};

using Replies = std::vector<Reply>;

} // namespace raglan::redis

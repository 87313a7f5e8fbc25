// What the provider stand-in says: made from the request alone, so that every run of a test gets
// the same, and no weights are needed.
//
// Vectors: each word of a text, in lower case, stands for a fixed direction of ±1s drawn from its
// hash; a text's vector is their sum, brought to length 1. So the same text has the same vector in
// every process, and texts that share words are near each other: a search finds something sensible.
//
// Chat answers quote the passages of the prompt: lines that begin with "[n]" begin a passage; the
// answer is the first sentence of each of the first kQuotedPassages of them, each with its [n].
//
// Thread safe: functions of their arguments.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/array.hpp>

#include "base/result.h"

namespace raglan::loadtest {

inline constexpr std::size_t kQuotedPassages = 3;

std::vector<float> stand_in_vector(std::string_view text, std::size_t dimension);

// A quarter of the bytes, rounded up: near enough to what providers count in English text.
std::size_t stand_in_tokens(std::string_view text);

// The answer to `messages` of a chat request, as the pieces that a stream sends one by one.
// kInvalidField when they are not messages.
Result<std::vector<std::string>> stand_in_chat(const boost::json::array& messages);
// The text of all messages, for stand_in_tokens.
std::string chat_prompt(const boost::json::array& messages);

} // namespace raglan::loadtest

// How many tokens a text probably has for a provider whose tokenizer is not to be had.
//
// Four ASCII bytes count as one token, every other character as a whole one: near the truth for
// English prose, and rather too many than too few for other scripts. Code and digits have up to
// twice as many; a batch that turns out to be too large for its provider is called for again by
// halves (model/embedding_queue.h). What is paid for is not estimated: that is the provider's
// `usage`.
//
// Thread safe.
#pragma once

#include <cstddef>
#include <string_view>

namespace raglan::model {

std::size_t estimate_tokens(std::string_view text);

// The longest beginning of (valid UTF-8) text that has at most `max_tokens`; no character is cut.
std::string_view first_tokens(std::string_view text, std::size_t max_tokens);

} // namespace raglan::model

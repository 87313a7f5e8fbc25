// The words of a question, for rules that go by them: runs of letters and digits; every byte beyond
// ASCII is part of a word.
//
// Pure; thread safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace raglan::rag {

std::vector<std::string_view> words_of(std::string_view text);

// Of ASCII.
std::string lower_case(std::string_view text);

} // namespace raglan::rag

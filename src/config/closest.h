// "Did you mean …?"
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace raglan::config {

// Insertions, deletions, substitutions and swaps of neighbours that turn one text into the other
// (optimal string alignment).
std::size_t edit_distance(std::string_view from, std::string_view to);

// The candidate nearest to `word`, if one is near enough to be meant: at most two edits, or a fifth
// of the word's length. The first of equals.
std::optional<std::string> closest(std::string_view word, std::span<const std::string> candidates);

} // namespace raglan::config

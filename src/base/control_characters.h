// Control characters in text that somebody will look at: C0 (below U+0020), DEL, and C1 (U+0080 to
// U+009F). A line break in a value would forge a line of the log; the others drive terminals, C1 as
// well as ESC: U+009B alone begins a control sequence.
//
// Invalid UTF-8 becomes U+FFFD: a terminal that is not in UTF-8 takes the bytes 0x80 to 0x9f for
// C1.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace raglan {

// The length in bytes of the control character at the front of (valid) text; 0 when there is none.
std::size_t control_character_bytes(std::string_view text);

// Each as an escape sequence (\n, \t, \x1b, \x9b), and "\" as "\\", so that nothing is lost.
std::string escape_control_characters(std::string_view text);

// Each as a blank, but for line breaks ("\n").
std::string blank_control_characters(std::string_view text);

} // namespace raglan

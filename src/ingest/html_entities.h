// Character references of HTML and Markdown: `&amp;`, `&#233;`, `&#xe9;`.
//
// Thread safe.
#pragma once

#include <string>
#include <string_view>

namespace raglan::ingest {

// Appends `text` to `out` with its character references replaced as the HTML Standard (13.2.5.72)
// says for text: the longest known name wins, a few names need no semicolon, numbers from 0x80 to
// 0x9f mean windows-1252. What is no reference stays as it is.
void append_unescaped(std::string_view text, std::string& out);

} // namespace raglan::ingest

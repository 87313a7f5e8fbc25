// Bytes to UTF-8, and what is no text at all. What is decided here is described in extractor.h.
//
// Thread safe.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace raglan::ingest {

// The name of the binary format that the bytes are in ("PDF", "ZIP", …; "binary" for an unknown
// one, told by its NUL bytes); empty for text.
std::string_view binary_format(std::string_view bytes);

// The code point of a byte of 0x80 and above in windows-1252.
char32_t windows_1252(unsigned char byte);

// Valid UTF-8 without byte order mark, its line breaks "\n".
Result<std::string> decode_text(std::string_view bytes);
// The same of HTML, which may say in what encoding it is.
Result<std::string> decode_html(std::string_view bytes);

} // namespace raglan::ingest

// The formats behind extract_text (extractor.h). Each takes valid UTF-8 with "\n" line breaks and
// may find no text at all. Thread safe; linear in time and memory.
#pragma once

#include <string>
#include <string_view>

#include "ingest/extracted_text.h"

namespace raglan::ingest {

ExtractedText extract_html(std::string_view html);
// The page's or fragment's text, appended to the builder's. Returns the page's title.
enum class Boilerplate : std::uint8_t { kSkip, kKeep };
std::string append_html(std::string_view html, Boilerplate boilerplate, TextBuilder& builder);

ExtractedText extract_markdown(std::string_view markdown);

ExtractedText extract_plain_text(std::string_view text);

} // namespace raglan::ingest

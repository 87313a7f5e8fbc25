// From the bytes of a document to its text and structure. The one seam behind which formats are.
//
// Formats: plain text, Markdown (CommonMark with tables), HTML. Bytes are brought to UTF-8 first:
//   - a byte order mark of UTF-8 is dropped; HTML may declare its encoding (utf-8, us-ascii,
//     iso-8859-1, windows-1252), and HTML that declares none and is no UTF-8 is read as
//     windows-1252, as browsers do;
//   - everything else must be valid UTF-8. It is refused, not repaired: a replaced character would
//     be cited as if the source said it.
// Line breaks become "\n".
//
// Errors: kTooLarge (more than kMaxDocumentBytes); kUnsupportedMediaType (a PDF, another binary
// format, UTF-16, an encoding that is not read); kMalformedRequest (invalid UTF-8);
// kInvalidField (no text in it).
//
// Time and memory are linear in the bytes, whatever they hold. Thread safe.
#pragma once

#include <string_view>

#include "base/result.h"
#include "ingest/extracted_text.h"
#include "ingest/source_document.h"

namespace raglan::ingest {

Result<ExtractedText> extract_text(std::string_view bytes, MediaType type);

} // namespace raglan::ingest

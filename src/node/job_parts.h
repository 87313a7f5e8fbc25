// The documents of a job as the texts that they are kept in until a node indexes them: lines of
// JSON, as many documents in a part as are worth a look at the job in between.
//
// Pure; the texts may be large, so it is work for an executor.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "node/document_json.h"

namespace raglan::node {

inline constexpr std::size_t kDocumentsPerPart = 64;
inline constexpr std::size_t kPartBytes = 64 << 10; // of documents, unless one alone has more

struct JobParts {
  std::vector<std::string> texts;
  std::uint64_t documents = 0;
};

// Of the documents that were understood. Each has an id already.
JobParts write_parts(std::vector<ingest::SourceDocument> documents);
// kCorrupt when it is no such text.
Result<std::vector<ParsedDocument>> read_part(std::string_view text);

} // namespace raglan::node

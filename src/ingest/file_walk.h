// The files of a folder, and what is in them.
//
// The walk goes down in the order of the names' bytes, so that it is the same everywhere. Hidden
// files and folders are left out, and so are symbolic links: a link out of the folder would publish
// what nobody meant to, one into it makes duplicates or a loop. (The folder itself may be a link.)
// What cannot be read is reported and the rest goes on.
//
// Thread safe.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace raglan::ingest {

inline constexpr std::size_t kMaxFilesPerWalk = 1'000'000;
inline constexpr std::size_t kMaxFolderDepth = 64;

struct WalkedFile {
  std::string relative_path; // to the walk's root, with `/`; valid UTF-8
  std::uint64_t bytes = 0;
};

// A folder or file of the walk that cannot be read, with everything below it.
struct WalkProblem {
  std::string relative_path; // invalid UTF-8 replaced
  Error error;
};

struct Walk {
  std::vector<WalkedFile> files;
  std::vector<WalkProblem> problems;
};

// Everything below `root / below`; `below` may be empty, and may name a single file.
// Errors: kNotFound (nothing is there), kTooLarge (more than kMaxFilesPerWalk files).
Result<Walk> walk_files(const std::filesystem::path& root, const std::string& below);

// A regular file's bytes. Errors: kTooLarge (more than max_bytes), kUnavailable (cannot be read).
Result<std::string> read_file(const std::filesystem::path& path, std::size_t max_bytes);

} // namespace raglan::ingest

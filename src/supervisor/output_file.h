// What a child process says, in a file of bounded size.
//
// The file is appended to until it would pass half of the bound; then it becomes PATH.1, in the
// place of an earlier one, and a new one begins: the newest half is always there, and both together
// never pass the bound. Readable by the owner only. What cannot be written (a full disk) is
// dropped: a log does not stop what it is the log of.
//
// Thread safety: none.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "base/file_descriptor.h"
#include "base/result.h"

namespace raglan::supervisor {

class OutputFile {
 public:
  // Goes on with a file that is there. Errors: kUnavailable.
  static Result<OutputFile> open(std::filesystem::path path, std::uint64_t max_bytes);

  void write(std::string_view text);

 private:
  OutputFile(std::filesystem::path path, std::uint64_t max_bytes, FileDescriptor file,
             std::uint64_t size)
      : path_(std::move(path)), max_bytes_(max_bytes), file_(std::move(file)), size_bytes_(size) {}

  void begin_anew();

  std::filesystem::path path_;
  std::uint64_t max_bytes_;
  FileDescriptor file_;
  std::uint64_t size_bytes_;
};

} // namespace raglan::supervisor

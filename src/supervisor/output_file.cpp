#include "supervisor/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace raglan::supervisor {
namespace {

FileDescriptor open_for_appending(const std::filesystem::path& path) {
  return FileDescriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
}

} // namespace

Result<OutputFile> OutputFile::open(std::filesystem::path path, std::uint64_t max_bytes) {
  FileDescriptor file = open_for_appending(path);
  struct stat about{};
  if (!file || ::fstat(file.get(), &about) != 0) {
    return fail(ErrorCode::kUnavailable, "the file for a child's output cannot be written");
  }
  return OutputFile(std::move(path), max_bytes, std::move(file),
                    static_cast<std::uint64_t>(about.st_size));
}

void OutputFile::write(std::string_view text) {
  const std::uint64_t half = max_bytes_ / 2;
  if (text.size() > half) text.remove_prefix(text.size() - half);
  if (size_bytes_ + text.size() > half) begin_anew();
  if (file_ && ::write(file_.get(), text.data(), text.size()) > 0) size_bytes_ += text.size();
}

void OutputFile::begin_anew() {
  std::filesystem::path older = path_;
  older += ".1";
  std::error_code error;
  std::filesystem::rename(path_, older, error);
  if (error) ::unlink(path_.c_str());
  file_ = open_for_appending(path_);
  size_bytes_ = 0;
}

} // namespace raglan::supervisor

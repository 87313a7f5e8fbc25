#include "ingest/file_walk.h"

#include <algorithm>
#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "base/file_descriptor.h"
#include "base/utf8.h"

namespace raglan::ingest {
namespace {

namespace fs = std::filesystem;

Error unreadable(const std::error_code& code) {
  return {ErrorCode::kUnavailable, "cannot be read: " + code.message(), ""};
}

class Walker {
 public:
  explicit Walker(const fs::path& root) : root_(root) {}

  void visit(const std::string& relative, std::size_t depth) {
    if (!is_valid_utf8(relative)) {
      return problem(relative, {ErrorCode::kMalformedRequest, "the name is not UTF-8", ""});
    }
    std::error_code failed;
    const fs::path path = root_ / relative;
    const fs::file_status status = fs::symlink_status(path, failed);
    if (failed) return problem(relative, unreadable(failed));
    if (fs::is_regular_file(status)) {
      const std::uint64_t bytes = fs::file_size(path, failed);
      if (failed) return problem(relative, unreadable(failed));
      walk_.files.push_back({relative, bytes});
    } else if (fs::is_directory(status)) {
      folder(relative, depth);
    }
  }

  void folder(const std::string& relative, std::size_t depth) {
    if (depth >= kMaxFolderDepth) {
      return problem(relative, {ErrorCode::kTooLarge, "folders are nested too deep", ""});
    }
    std::error_code failed;
    std::vector<std::string> names;
    fs::directory_iterator entries(root_ / relative, failed);
    for (const fs::directory_iterator end; !failed && entries != end; entries.increment(failed)) {
      std::string name = entries->path().filename().string();
      if (!name.starts_with('.')) names.push_back(std::move(name));
    }
    if (failed) problem(relative, unreadable(failed));
    std::ranges::sort(names);
    for (const std::string& name : names) {
      if (walk_.files.size() > kMaxFilesPerWalk) return;
      visit(relative.empty() ? name : relative + "/" + name, depth + 1);
    }
  }

  Walk take() { return std::move(walk_); }

 private:
  void problem(const std::string& relative, Error error) {
    walk_.problems.push_back({replace_invalid_utf8(relative), std::move(error)});
  }

  const fs::path& root_;
  Walk walk_;
};

std::unexpected<Error> read_failure() {
  return std::unexpected(unreadable(std::error_code(errno, std::generic_category())));
}

} // namespace

Result<Walk> walk_files(const fs::path& root, const std::string& below) {
  std::error_code failed;
  if (!fs::exists(root / below, failed)) return fail(ErrorCode::kNotFound, "there is no such path");
  Walker walker(root);
  if (below.empty()) {
    walker.folder("", 0);
  } else {
    walker.visit(below, 0);
  }
  Walk walk = walker.take();
  if (walk.files.size() > kMaxFilesPerWalk) {
    return fail(ErrorCode::kTooLarge, fmt::format("more than {} files", kMaxFilesPerWalk));
  }
  return walk;
}

Result<std::string> read_file(const fs::path& path, std::size_t max_bytes) {
  // Neither a link nor a pipe that has come into the file's place since the walk is read.
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file) return read_failure();
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return read_failure();
  if (!S_ISREG(status.st_mode)) return fail(ErrorCode::kUnavailable, "is not a regular file");
  const auto too_large = [&] {
    return fail(ErrorCode::kTooLarge, fmt::format("the file has more than {} bytes", max_bytes));
  };
  if (static_cast<std::uint64_t>(status.st_size) > max_bytes) return too_large();
  // One byte more than it says: a file may grow.
  std::string bytes(static_cast<std::size_t>(status.st_size) + 1, '\0');
  std::size_t length = 0;
  for (;;) {
    if (length == bytes.size()) bytes.resize(std::min(bytes.size() * 2, max_bytes + 1));
    const ssize_t got = ::read(file.get(), bytes.data() + length, bytes.size() - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return read_failure();
    if (got == 0) break;
    length += static_cast<std::size_t>(got);
    if (length > max_bytes) return too_large();
  }
  bytes.resize(length);
  return bytes;
}

} // namespace raglan::ingest

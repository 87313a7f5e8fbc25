#include "store/snapshot_file.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace raglan::store {
namespace {

// Small values are gathered; arrays larger than this go straight to the file and from it.
constexpr std::size_t kBufferBytes = 256 * 1024;
constexpr std::string_view kTemporarySuffix = ".tmp";

// One name for each writer of this machine: process and count.
std::filesystem::path temporary_beside(const std::filesystem::path& path) {
  static std::atomic<std::uint64_t> count{0};
  std::filesystem::path temporary = path;
  temporary += fmt::format(".{}-{}{}", ::getpid(), count.fetch_add(1), kTemporarySuffix);
  return temporary;
}

std::unexpected<Error> write_error(int code) {
  if (code == ENOSPC || code == EDQUOT || code == EFBIG) {
    return fail(ErrorCode::kDiskFull, "the disk is full");
  }
  return fail(ErrorCode::kUnavailable, "the snapshot cannot be written");
}

std::unexpected<Error> damaged() { return fail(ErrorCode::kCorrupt, "the snapshot is damaged"); }

// A rename is durable when its folder is.
int sync_folder(const std::filesystem::path& folder) {
  const FileDescriptor descriptor(
      ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return descriptor.get() >= 0 && ::fsync(descriptor.get()) == 0 ? 0 : errno;
}

} // namespace

struct SnapshotChecksum::State {
  XXH3_state_t xxh3;
};

SnapshotChecksum::SnapshotChecksum() : state_(std::make_unique<State>()) {
  XXH3_64bits_reset(&state_->xxh3);
}
SnapshotChecksum::~SnapshotChecksum() = default;
SnapshotChecksum::SnapshotChecksum(SnapshotChecksum&&) noexcept = default;
SnapshotChecksum& SnapshotChecksum::operator=(SnapshotChecksum&&) noexcept = default;

void SnapshotChecksum::add(std::span<const std::byte> bytes) {
  XXH3_64bits_update(&state_->xxh3, bytes.data(), bytes.size());
}

std::uint64_t SnapshotChecksum::value() const { return XXH3_64bits_digest(&state_->xxh3); }

Result<SnapshotWriter> SnapshotWriter::create(const std::filesystem::path& path) {
  std::filesystem::path temporary = temporary_beside(path);
  FileDescriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (file.get() < 0) return write_error(errno);
  return SnapshotWriter(std::move(file), path, std::move(temporary));
}

SnapshotWriter::~SnapshotWriter() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void SnapshotWriter::bytes(std::span<const std::byte> bytes) {
  checksum_.add(bytes);
  if (buffer_.size() + bytes.size() > kBufferBytes) flush();
  if (bytes.size() > kBufferBytes) {
    write_through(bytes);
  } else {
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  }
}

void SnapshotWriter::flush() {
  write_through(buffer_);
  buffer_.clear();
}

void SnapshotWriter::write_through(std::span<const std::byte> bytes) {
  while (!bytes.empty() && error_ == 0) {
    const ssize_t written = ::write(file_.get(), bytes.data(), bytes.size());
    if (written >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      error_ = errno;
    }
  }
}

Result<> SnapshotWriter::finish() {
  value(checksum_.value());
  flush();
  if (error_ == 0 && ::fsync(file_.get()) != 0) error_ = errno;
  if (error_ == 0 && ::rename(temporary_.c_str(), path_.c_str()) != 0) error_ = errno;
  if (error_ != 0) return write_error(error_);
  temporary_.clear();
  if (const int code = sync_folder(path_.parent_path()); code != 0) return write_error(code);
  return {};
}

// The writer's process is in the name. One that only seems dead (in another container) loses a
// snapshot: its rename fails, and it tries again later.
void sweep_unfinished_snapshots(const std::filesystem::path& folder) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename();
    const auto dash = name.rfind('-');
    const auto dot = name.rfind('.', dash);
    if (!name.ends_with(kTemporarySuffix) || dash == name.npos || dot == name.npos) continue;
    pid_t writer = 0;
    std::from_chars(name.data() + dot + 1, name.data() + dash, writer);
    if (writer > 0 && ::kill(writer, 0) != 0 && errno == ESRCH) ::unlink(entry->path().c_str());
  }
}

Result<SnapshotReader> SnapshotReader::open(const std::filesystem::path& path) {
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0 && errno == ENOENT) return fail(ErrorCode::kNotFound, "no such snapshot");
  struct stat status{};
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0) {
    return fail(ErrorCode::kUnavailable, "the snapshot cannot be read");
  }
  if (!S_ISREG(status.st_mode)) return damaged();
  return SnapshotReader(std::move(file), static_cast<std::uint64_t>(status.st_size));
}

void SnapshotReader::bytes(std::span<std::byte> destination) {
  if (failed_ || destination.size() > left_bytes_) {
    failed_ = true;
    std::ranges::fill(destination, std::byte{0});
    return;
  }
  const std::span<std::byte> whole = destination;
  left_bytes_ -= whole.size();
  const std::size_t buffered = std::min(buffer_.size() - buffer_at_, destination.size());
  if (buffered > 0) std::memcpy(destination.data(), buffer_.data() + buffer_at_, buffered);
  buffer_at_ += buffered;
  destination = destination.subspan(buffered);
  if (destination.size() > kBufferBytes) {
    read_through(destination);
  } else if (!destination.empty()) {
    buffer_.resize(std::min<std::uint64_t>(kBufferBytes, left_bytes_ + destination.size()));
    read_through(buffer_);
    std::memcpy(destination.data(), buffer_.data(), destination.size());
    buffer_at_ = destination.size();
  }
  checksum_.add(whole);
}

void SnapshotReader::read_through(std::span<std::byte> destination) {
  while (!destination.empty() && !failed_) {
    const ssize_t count = ::read(file_.get(), destination.data(), destination.size());
    if (count > 0) {
      destination = destination.subspan(static_cast<std::size_t>(count));
    } else if (count == 0 || errno != EINTR) {
      failed_ = true; // cut short since it was opened, or a fault of the disk
    }
  }
}

Result<> SnapshotReader::finish() {
  const std::uint64_t expected = checksum_.value();
  if (value<std::uint64_t>() != expected || left_bytes_ != 0) failed_ = true;
  return failed_ ? damaged() : Result<>{};
}

} // namespace raglan::store

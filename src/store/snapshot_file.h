// A file that is either whole and as it was written, or refused: what snapshots of indexes are
// kept in.
//
// Written to a temporary file beside its place, with a checksum (XXH3, 64 bits) over everything at
// the end; then fsync, rename, fsync of the folder. So the place holds the old file or the new one,
// whatever happens. Numbers are as in memory (little endian), an array is its count and its bytes.
//
// Reading is bounded: no array is larger than what is left of the file, and than the reader's own
// limit for it. The first thing that does not fit makes the reader fail, and everything it is asked
// for afterwards is zero or empty; so callers check once, with `finish`, which also compares the
// checksum. Until then what was read may be anything.
//
//   auto writer = SnapshotWriter::create(path);
//   writer->value(std::uint64_t{7});
//   writer->array(std::span<const float>(vectors));
//   auto ok = writer->finish();
//
// Thread safety: none; one thread. Two writers of one path, in any processes, do not disturb each
// other: the last to finish stays.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <type_traits>
#include <vector>

#include "base/file_descriptor.h"
#include "base/result.h"

namespace raglan::store {

// The running checksum of both sides.
class SnapshotChecksum {
 public:
  SnapshotChecksum();
  ~SnapshotChecksum();
  SnapshotChecksum(SnapshotChecksum&&) noexcept;
  SnapshotChecksum& operator=(SnapshotChecksum&&) noexcept;
  void add(std::span<const std::byte> bytes);
  std::uint64_t value() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

class SnapshotWriter {
 public:
  // kDiskFull, kUnavailable.
  static Result<SnapshotWriter> create(const std::filesystem::path& path);
  SnapshotWriter(SnapshotWriter&&) noexcept = default;
  SnapshotWriter& operator=(SnapshotWriter&&) = delete;
  ~SnapshotWriter(); // without `finish`, nothing remains

  void bytes(std::span<const std::byte> bytes);
  template <typename T>
    requires std::is_trivially_copyable_v<T>
  void value(const T& value) {
    bytes(std::as_bytes(std::span(&value, 1)));
  }
  template <typename T>
    requires std::is_trivially_copyable_v<T>
  void array(std::span<const T> values) {
    value(std::uint64_t{values.size()});
    bytes(std::as_bytes(values));
  }

  // Whatever went wrong since `create` is reported here.
  Result<> finish();

 private:
  SnapshotWriter(FileDescriptor file, std::filesystem::path path, std::filesystem::path temporary)
      : file_(std::move(file)), path_(std::move(path)), temporary_(std::move(temporary)) {}
  void flush();
  void write_through(std::span<const std::byte> bytes);

  FileDescriptor file_;
  std::filesystem::path path_;
  std::filesystem::path temporary_; // empty when there is none (any more)
  std::vector<std::byte> buffer_;
  SnapshotChecksum checksum_;
  int error_ = 0; // errno of the first failure
};

// Deletes what writers that were killed have left in the folder.
void sweep_unfinished_snapshots(const std::filesystem::path& folder);

class SnapshotReader {
 public:
  // kNotFound when there is no file.
  static Result<SnapshotReader> open(const std::filesystem::path& path);

  void bytes(std::span<std::byte> destination);
  template <typename T>
    requires std::is_trivially_copyable_v<T>
  T value() {
    T value{};
    bytes(std::as_writable_bytes(std::span(&value, 1)));
    return value;
  }
  // An array of at most `max_count` values.
  template <typename T>
    requires std::is_trivially_copyable_v<T>
  std::vector<T> array(std::uint64_t max_count) {
    const auto count = value<std::uint64_t>();
    if (count > max_count || !has(count, sizeof(T))) {
      fail_reading();
      return {};
    }
    std::vector<T> values(count);
    bytes(std::as_writable_bytes(std::span(values)));
    return failed() ? std::vector<T>() : std::move(values);
  }

  // Whether the file still has so many values of that size.
  bool has(std::uint64_t count, std::size_t value_bytes) const {
    return count <= left_bytes_ / value_bytes;
  }
  // What was read makes no sense.
  void fail_reading() { failed_ = true; }
  bool failed() const { return failed_; }
  // kCorrupt unless everything was there, the checksum fits, and nothing follows.
  Result<> finish();

 private:
  SnapshotReader(FileDescriptor file, std::uint64_t size_bytes)
      : file_(std::move(file)), left_bytes_(size_bytes) {}
  void read_through(std::span<std::byte> destination);

  FileDescriptor file_;
  std::uint64_t left_bytes_;
  std::vector<std::byte> buffer_; // read ahead: [buffer_at_, end)
  std::size_t buffer_at_ = 0;
  SnapshotChecksum checksum_;
  bool failed_ = false;
};

} // namespace raglan::store

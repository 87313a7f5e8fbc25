// A folder of its own that is gone, with all that is in it, when this is.
//
//   auto folder = TemporaryFolder::make("raglan-eval-");     // under TMPDIR, else /tmp
//
// Errors: kUnavailable. Thread safety: none; `remove_all`, from any thread.
#pragma once

#include <filesystem>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace raglan {

class TemporaryFolder {
 public:
  static Result<TemporaryFolder> make(std::string_view prefix);
  // Removes all there are, for a process that is about to be ended by a signal.
  static void remove_all();
  TemporaryFolder(TemporaryFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryFolder& operator=(TemporaryFolder&&) = delete;
  ~TemporaryFolder();

  const std::filesystem::path& path() const { return path_; }

 private:
  explicit TemporaryFolder(std::filesystem::path path) : path_(std::move(path)) {}

  std::filesystem::path path_;
};

} // namespace raglan

// A file, or a descriptor of somebody else's (standard output), that is written to without waiting.
//
// To set O_NONBLOCK on standard output was rejected: the flag is of what the descriptor stands for,
// which others have open too (standard error on the same terminal, the shell), and their writes
// would begin to fail. A pipe or a terminal is opened once more instead (/proc/self/fd), where the
// flag is ours alone; a socket has a flag for each write. Where it may not be opened again (it is
// another user's), little is written at a time, and only when the system says that there is room:
// then a write can still wait when another program fills the same pipe at that moment. Files are
// taken not to wait.
//
// Thread safety: none.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/file_descriptor.h"
#include "base/result.h"

namespace raglan::balancer {

class UnblockedOutput {
 public:
  // Appends to the file, which is made where it is not there, for its owner to write and its group
  // to read. A FIFO must have a reader. Errors: kUnavailable.
  static Result<UnblockedOutput> open(const std::string& path);
  // Leaves the descriptor as it is. Errors: kUnavailable.
  static Result<UnblockedOutput> share(int descriptor);

  // How many bytes went; negative, with errno as of write(2): EAGAIN when there is no room, and
  // poll(2) tells when there is. SIGPIPE is the process's to ignore.
  ssize_t write(std::string_view bytes);
  int descriptor() const { return descriptor_.get(); }

 private:
  enum class Kind : std::uint8_t { kOwn, kSocket, kShared };

  UnblockedOutput(FileDescriptor descriptor, Kind kind)
      : descriptor_(std::move(descriptor)), kind_(kind) {}

  FileDescriptor descriptor_;
  Kind kind_;
};

} // namespace raglan::balancer

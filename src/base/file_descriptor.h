// A descriptor of the kernel (file, socket) that is closed with its owner.
//
// Thread safety: none; one thread at a time.
#pragma once

#include <unistd.h>

#include <utility>

namespace raglan {

class FileDescriptor {
 public:
  FileDescriptor() = default; // none
  explicit FileDescriptor(int descriptor) : descriptor_(descriptor) {}
  FileDescriptor(FileDescriptor&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    FileDescriptor taken(std::move(other));
    std::swap(descriptor_, taken.descriptor_); // what was here is closed now
    return *this;
  }
  ~FileDescriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  // Negative: none, as after a call that failed.
  int get() const { return descriptor_; }
  explicit operator bool() const { return descriptor_ >= 0; }
  // The caller closes it.
  int release() { return std::exchange(descriptor_, -1); }

 private:
  int descriptor_ = -1;
};

} // namespace raglan

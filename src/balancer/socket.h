// A connected socket, as edge-triggered epoll wants it: what it may do is remembered until the
// system says otherwise.
//
// Thread safety: none; of one loop.
#pragma once

#include <cstddef>
#include <cstdint>

#include "balancer/buffer.h"
#include "base/file_descriptor.h"

namespace raglan::balancer {

class Socket {
 public:
  enum class Io : std::uint8_t {
    kSome,    // there may be more
    kBlocked, // nothing more now; an event will come
    kEnded,   // the other side sends no more
    kFailed,
  };

  // `connected`: else it may be written to when epoll says so.
  explicit Socket(FileDescriptor descriptor, bool connected = true)
      : descriptor_(std::move(descriptor)), writable_(connected) {}

  // What epoll said.
  void note(std::uint32_t events);
  bool readable() const { return readable_; }
  bool writable() const { return writable_; }
  // It will send no more, or is gone; there may be something to read still.
  bool hung_up() const { return hung_up_; }

  // To the end of the buffer, which must have room.
  Io read(Buffer& buffer);
  // From the front of the buffer, which must not be empty: kSome when all of it is gone.
  Io write(Buffer& buffer);
  // What became of a connect that was begun; zero: it is connected.
  int connect_error() const;
  // No more is sent.
  void finish_writing();
  int descriptor() const { return descriptor_.get(); }

 private:
  FileDescriptor descriptor_;
  bool readable_ = false;
  bool writable_;
  bool hung_up_ = false;
};

} // namespace raglan::balancer

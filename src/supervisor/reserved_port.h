// A free loopback port that stays ours while a child process listens on it, dies and comes back.
//
// A port that was only looked up is anybody's until the child binds it, and again after each of its
// deaths: another user's program could take it, and be sent what was meant for the child. Here a
// socket of ours is bound to it all the time, with SO_REUSEPORT, and never listens: the kernel then
// lets only sockets of the same user with that option bind the port (socket(7)), and hands their
// connections to the one that listens. The child has to set SO_REUSEPORT (llama-server:
// --reuse-port). A child that can inherit a listening socket needs none of this
// (net/listener.h).
//
// Thread safety: none needed after `reserve`.
#pragma once

#include <cstdint>

#include "base/file_descriptor.h"
#include "base/result.h"

namespace raglan::supervisor {

class ReservedPort {
 public:
  // Of 127.0.0.1. Errors: kUnavailable.
  static Result<ReservedPort> reserve();

  std::uint16_t number() const { return number_; }

 private:
  ReservedPort(FileDescriptor socket, std::uint16_t number)
      : socket_(std::move(socket)), number_(number) {}

  FileDescriptor socket_;
  std::uint16_t number_;
};

} // namespace raglan::supervisor

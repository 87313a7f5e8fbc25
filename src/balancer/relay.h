// One direction of an exchange: a message as it comes from one side and goes out to the other.
//
// Its head is parsed and written anew by who owns the relay; its body passes as it came, chunks and
// all, and is checked on the way (http/body_decoder.h): nothing behind the end of the message is
// passed on with it.
//
//   source → in (what cannot be taken yet, and what comes behind this message) → out → sink
//
// The body goes to `out` without being copied, unless there is something in `in` before it.
//
// Thread safety: none.
#pragma once

#include <cstdint>

#include "balancer/buffer.h"
#include "balancer/socket.h"
#include "http/body_decoder.h"

namespace raglan::balancer {

struct Relay {
  // `source`: what was read and is not taken yet.
  Relay(Buffer& source, BlockPool& pool) : in(source), out(pool) {}

  // A body is read while there is room for as much.
  static constexpr std::size_t kLeastRoomBytes = 4 * 1024;

  bool has_room() const { return out.room_bytes() >= kLeastRoomBytes; }
  // Takes what `in` holds of the body to `out`, as far as there is room. Errors: kMalformedRequest,
  // kTooLarge.
  Result<> take_body(std::uint64_t limit_bytes);
  // Reads once, and takes what came of the body to `out`. There must be room.
  Result<Socket::Io> read_body(Socket& source, std::uint64_t limit_bytes);

  Buffer& in;
  Buffer out;
  http::BodyDecoder body;
};

} // namespace raglan::balancer

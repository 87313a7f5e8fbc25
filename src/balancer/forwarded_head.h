// The head of a message as it goes on to the next neighbour (RFC 9110, 7.6): without what was for
// this one alone, and with where it came from.
//
// All else passes as it came, to the byte.
//
// Thread safety: pure.
#pragma once

#include <string>
#include <string_view>

#include "balancer/buffer.h"
#include "balancer/message_head.h"

namespace raglan::balancer {

// What a head may grow by.
inline constexpr std::size_t kForwardedBytes = 1024;
// A longer one cannot be passed on: another short one may be in front of it in a block.
inline constexpr std::size_t kMaxHeadBytes = BlockPool::kBlockBytes - 4 * kForwardedBytes;

struct ForwardedRequest {
  std::string_view client;     // the address
  std::string_view scheme;     // "http" or "https"
  std::string_view request_id; // of this request, where it has none that is kept
  // Whether what the client says of those before it is believed, and added to.
  bool trusted = false;
};

// `out` must have room for the head and kForwardedBytes.
void append_forwarded(const RequestHead& head, const ForwardedRequest& request, Buffer& out);

struct ForwardedResponse {
  std::string_view request_id; // empty: none is added
  bool close = false;          // the connection ends behind it
  bool announce_keep_alive = false;
};
void append_forwarded(const ResponseHead& head, const ForwardedResponse& response, Buffer& out);

} // namespace raglan::balancer

// The header that a proxy of connections (HAProxy, AWS's and GCP's load balancers) writes in front
// of what a client says: the client's address, which is lost otherwise.
//
// The PROXY protocol, versions 1 (a line of text) and 2 (binary), after sections 2.1 and 2.2 of
// https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt. Whoever may write this header may
// say that he is anybody: it is to be read from known neighbours alone, and where it is expected it
// must be there. To guess, as the specification says, would be a hole.
//
// As strict as the specification: a line must be written as it says (ports without leading zeros,
// addresses of the family that is named, single blanks, CRLF), a binary header must have room for
// its addresses, the TLVs behind them must fill it exactly, and a checksum among them must be right
// (2.2.3). TLVs are not looked into otherwise. Addresses of anything but a TCP connection (UNIX,
// UDP, unspecified) are passed over, as the specification allows. IPv6 in text may end in dotted
// numbers ("::ffff:10.0.0.1"): inet_ntop writes it like that, and so do those who send it.
//
//   const auto proxied = parse_proxy_header(in.bytes()); // again when there is more behind these
//   if (!proxied) return close();
//   if (!*proxied) return wait();
//   in.consume((*proxied)->header_bytes);
//
// Thread safety: pure.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <optional>
#include <string_view>

#include "base/result.h"

namespace raglan::balancer {

// The longest line of version 1, with its CRLF.
inline constexpr std::size_t kMaxProxyLineBytes = 107;
// The longest header of version 2 that is taken, of up to 65551 that could be said. What is sent in
// truth has some hundreds: addresses, an id, what TLS found out.
inline constexpr std::size_t kMaxProxyHeaderBytes = 4096;

struct ProxiedClient {
  std::size_t header_bytes = 0; // what the client says begins behind them
  // IPv4 or IPv6, with the port. Empty (LOCAL, UNKNOWN, and what is not TCP): the address of the
  // connection itself counts.
  std::optional<sockaddr_storage> source;
};

// `bytes`: all that has arrived. Empty: the header is not whole yet; at most kMaxProxyHeaderBytes
// are waited for. Errors: kMalformedRequest, with the reason, as soon as no more bytes could mend
// it (of a line: as soon as the field at fault has ended).
Result<std::optional<ProxiedClient>> parse_proxy_header(std::string_view bytes);

} // namespace raglan::balancer

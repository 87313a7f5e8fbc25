#include "balancer/relay.h"

namespace raglan::balancer {

Result<> Relay::take_body(std::uint64_t limit_bytes) {
  while (!in.empty() && !body.done()) {
    const auto bytes = in.bytes().substr(0, out.room_bytes());
    auto used = body.decode(bytes, limit_bytes, nullptr);
    if (!used) return forward_error(used);
    if (*used == 0) break;
    out.append(bytes.substr(0, *used));
    in.consume(*used);
  }
  return {};
}

Result<Socket::Io> Relay::read_body(Socket& source, std::uint64_t limit_bytes) {
  if (!in.empty()) {
    const Socket::Io io = source.read(in);
    if (io != Socket::Io::kSome) return io;
    if (auto ok = take_body(limit_bytes); !ok) return forward_error(ok);
    return io;
  }
  const std::size_t before = out.size();
  const Socket::Io io = source.read(out);
  if (io != Socket::Io::kSome) return io;
  const auto fresh = out.bytes().substr(before);
  auto used = body.decode(fresh, limit_bytes, nullptr);
  if (!used) {
    out.remove_suffix(fresh.size()); // nothing of it is passed on
    return forward_error(used);
  }
  if (*used < fresh.size()) {
    in.append(fresh.substr(*used));
    out.remove_suffix(fresh.size() - *used);
  }
  return io;
}

} // namespace raglan::balancer

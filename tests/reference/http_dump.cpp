// Prints what Raglan's server reads from a connection, for comparison with the reference parsers
// (check_http.py).
//
//   http_dump < connections > readings
//
// In: per connection, the number of its bytes and the bytes. Out: per connection, the number of
// requests, of each the method, target and body (length, bytes), then how it ended: 0 between two
// requests, 1 within one, 2 refused, 3 after a request that closes the connection. All numbers are
// little-endian 32-bit.
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "http/request_parser.h"

namespace {

enum End : std::uint32_t { kClean, kWithin, kRefused, kClosed };

bool read_exactly(void* into, std::size_t size_bytes) {
  return std::fread(into, 1, size_bytes, stdin) == size_bytes;
}

void write_number(std::uint32_t number) { std::fwrite(&number, sizeof number, 1, stdout); }

void write_bytes(std::string_view bytes) {
  write_number(static_cast<std::uint32_t>(bytes.size()));
  std::fwrite(bytes.data(), 1, bytes.size(), stdout);
}

End read_connection(std::string_view input, std::vector<raglan::http::Request>& requests) {
  const raglan::http::RequestLimits limits;
  raglan::http::RequestParser parser(limits);
  raglan::http::Request request;
  while (true) {
    while (!parser.done()) {
      const auto used = parser.feed(input, request);
      if (!used) return kRefused;
      if (*used == 0) return parser.started() || !input.empty() ? kWithin : kClean;
      input.remove_prefix(*used);
    }
    requests.push_back(std::exchange(request, {}));
    if (!requests.back().keep_alive) return kClosed;
    parser.reset();
  }
}

} // namespace

int main() {
  std::uint32_t size_bytes = 0;
  std::string input;
  while (read_exactly(&size_bytes, sizeof size_bytes)) {
    input.resize(size_bytes);
    if (!read_exactly(input.data(), size_bytes)) return 1;
    std::vector<raglan::http::Request> requests;
    const End end = read_connection(input, requests);
    write_number(static_cast<std::uint32_t>(requests.size()));
    for (const auto& request : requests) {
      write_bytes(request.method);
      write_bytes(request.target);
      write_bytes(request.body);
    }
    write_number(end);
  }
  return 0;
}

#include "net/resolver.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>

#include <boost/asio/steady_timer.hpp>
#include <memory>

#include "net/completion.h"

namespace raglan::net {
namespace {

using boost::asio::ip::tcp;

std::unexpected<Error> unresolved(const std::string& host, const char* reason) {
  return fail(ErrorCode::kUnavailable, fmt::format("cannot resolve {}: {}", host, reason));
}

Result<Resolver::Endpoints> look_up(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (code != 0) return unresolved(host, ::gai_strerror(code));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(found, &::freeaddrinfo);
  Resolver::Endpoints endpoints;
  for (const addrinfo* next = found; next != nullptr; next = next->ai_next) {
    tcp::endpoint endpoint;
    if (next->ai_addrlen > endpoint.capacity()) continue;
    std::memcpy(endpoint.data(), next->ai_addr, next->ai_addrlen);
    endpoint.resize(next->ai_addrlen);
    endpoint.port(port);
    endpoints.push_back(endpoint);
  }
  if (endpoints.empty()) return unresolved(host, "no address");
  return endpoints;
}

// A queued lookup. Dropped before it ran, it says so itself: the timer holds the Completion too.
struct Lookup {
  std::string host;
  std::uint16_t port;
  Completion<Resolver::Endpoints> done;
  ~Lookup() { done.deliver(unresolved(host, "the resolver is stopped")); }
};

} // namespace

Resolver::Resolver(ResolverConfig config)
    : executor_({.name = "resolver", .threads = config.threads, .max_queued = config.max_queued}) {}

Task<Result<Resolver::Endpoints>> Resolver::resolve(std::string host, std::uint16_t port,
                                                    Duration patience) {
  boost::system::error_code not_an_address;
  const auto address = boost::asio::ip::make_address(host, not_an_address);
  if (!not_an_address) co_return Endpoints{{address, port}};

  boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, patience);
  auto begin = [&](const Completion<Endpoints>& done) {
    timer.async_wait([done, host](const boost::system::error_code& stopped) {
      if (stopped) return;
      done.deliver(
          fail(ErrorCode::kDeadlineExceeded, fmt::format("cannot resolve {} in time", host)));
    });
    auto lookup = std::make_shared<Lookup>(host, port, done);
    const bool queued = executor_.try_submit([lookup] {
      if (!lookup->done.cancelled()) lookup->done.deliver(look_up(lookup->host, lookup->port));
    });
    if (!queued) {
      done.deliver(fail(ErrorCode::kOverloaded, "too many host names are being resolved"));
    }
  };
  co_return co_await await_completion<Endpoints>(std::move(begin));
}

} // namespace raglan::net

#include "balancer/worker.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>

#include "balancer/forwarded_head.h"
#include "base/log.h"

namespace raglan::balancer {
namespace {

constexpr int kAcceptedAtATime = 16;

std::string text_of(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = {};
  if (address.ss_family == AF_INET) {
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, text,
                sizeof text);
  } else if (address.ss_family == AF_INET6) {
    const in6_addr& v6 = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
    const bool mapped = IN6_IS_ADDR_V4MAPPED(&v6); // an IPv4 client, of a listener on [::]
    ::inet_ntop(mapped ? AF_INET : AF_INET6, &v6.s6_addr[mapped ? 12 : 0], text, sizeof text);
  }
  return text;
}

} // namespace

Worker::Timeouts::Timeouts(const BalancerConfig& config)
    : header(config.header_timeout),
      idle(config.idle_timeout),
      connect(config.connect_timeout),
      response(config.response_timeout),
      tunnel(config.tunnel_timeout),
      linger(config.linger_timeout) {}

Worker::Worker(const BalancerConfig& config, const std::vector<RouteConfig>& routes, Fleet& fleet,
               OwnAnswers own, AccessLog* access_log, std::atomic<std::size_t>& connections,
               const Clock& clock)
    : config_(config),
      limits_(config.limits),
      clock_(clock),
      fleet_(fleet),
      rng_(random_seed()),
      choice_(fleet, config, routes, rng_),
      retry_budget_(config.retry_budget),
      own_(std::move(own)),
      access_log_(access_log),
      loop_(clock),
      timeouts_(config),
      connections_(connections) {
  limits_.max_header_bytes = std::min(limits_.max_header_bytes, kMaxHeadBytes);
  for (const std::string& network : config.trusted_proxies) {
    trusted_.push_back(*net::Network::parse(network)); // checked when it was read
  }
  for (TimeoutQueue* queue : {&timeouts_.header, &timeouts_.idle, &timeouts_.connect,
                              &timeouts_.response, &timeouts_.tunnel, &timeouts_.linger}) {
    loop_.add(*queue);
  }
}

Worker::~Worker() { stop(); }

bool Worker::listen(FileDescriptor listener) {
  acceptor_ = std::make_unique<Acceptor>(*this, std::move(listener));
  return loop_.watch_listener(acceptor_->descriptor(), *acceptor_);
}

void Worker::start() {
  thread_ = std::thread([this] { loop_.run(); });
}

void Worker::stop() {
  if (!thread_.joinable()) return;
  loop_.stop();
  thread_.join();
}

void Worker::drain() {
  loop_.post([this] {
    if (acceptor_) {
      loop_.unwatch(acceptor_->descriptor());
      loop_.retire(std::move(acceptor_)); // an event for it may be under way
    }
    std::vector<Downstream*> all;
    for (const auto& [downstream, owner] : downstreams_) all.push_back(downstream);
    for (Downstream* downstream : all) downstream->drain();
  });
}

void Worker::remove(Downstream& downstream) {
  --connections_;
  loop_.cancel_deferred(downstream);
  loop_.retire(std::move(downstreams_.extract(&downstream).mapped()));
}

ClientAddress Worker::client_at(const sockaddr_storage& address) const {
  const bool trusted = std::ranges::any_of(
      trusted_, [&](const net::Network& network) { return network.contains(address); });
  return {text_of(address), trusted};
}

void Worker::accepted(FileDescriptor descriptor, const sockaddr_storage& client) {
  const int on = 1;
  ::setsockopt(descriptor.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const int number = descriptor.get();
  auto made = std::make_unique<Downstream>(*this, Socket(std::move(descriptor)), client_at(client));
  if (!loop_.watch(number, *made)) return;
  Downstream* downstream = made.get();
  downstreams_.emplace(downstream, std::move(made));
  if (connections_.fetch_add(1) >= config_.max_connections) downstream->refuse_connection();
}

void Worker::Acceptor::on_events(std::uint32_t) {
  for (int i = 0; i < kAcceptedAtATime; ++i) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    FileDescriptor descriptor(::accept4(listener_.get(), reinterpret_cast<sockaddr*>(&address),
                                        &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!descriptor && (errno == EMFILE || errno == ENFILE)) return turn_away();
    if (!descriptor) return;
    worker_.accepted(std::move(descriptor), address);
  }
}

void Worker::Acceptor::turn_away() {
  reserve_ = FileDescriptor();
  (void)FileDescriptor(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  reserve_ = FileDescriptor(::open("/dev/null", O_CLOEXEC));
  if (const auto left_out = throttle_.admit(worker_.loop_.now())) {
    log_warning("clients are turned away: there is no file descriptor left",
                {{"left_out", *left_out}});
  }
}

} // namespace raglan::balancer

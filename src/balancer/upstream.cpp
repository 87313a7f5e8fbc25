#include "balancer/upstream.h"

#include <netinet/tcp.h>

#include <algorithm>
#include <cerrno>

namespace raglan::balancer {

void Upstream::on_events(std::uint32_t events) {
  if (closed_) return;
  socket_.note(events);
  if (connecting_) {
    if (!socket_.writable()) return;
    connecting_ = false;
    failed_to_connect_ = socket_.connect_error() != 0;
  }
  if (user_ != nullptr) return user_->on_upstream();
  // It is closed from over there, or says what nobody asked.
  if (socket_.readable()) pool_.close(*this);
}

void Upstream::on_overdue() { pool_.close(*this); }

UpstreamPool::~UpstreamPool() {
  for (auto& [upstream, owner] : all_) TimeoutQueue::stop(*upstream);
}

Upstream* UpstreamPool::take(const std::shared_ptr<Host>& host, Upstream::User& user, bool fresh) {
  OfHost& of_host = hosts_[host.get()];
  if (!fresh && !of_host.idle.empty()) {
    Upstream* upstream = of_host.idle.back();
    of_host.idle.pop_back();
    TimeoutQueue::stop(*upstream);
    upstream->user_ = &user;
    return upstream;
  }
  FileDescriptor descriptor(
      ::socket(host->address.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  lacks_descriptors_ = !descriptor;
  if (!descriptor) return nullptr;
  const int on = 1;
  ::setsockopt(descriptor.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const auto* address = reinterpret_cast<const sockaddr*>(&host->address.address);
  const int begun = ::connect(descriptor.get(), address, host->address.address_bytes);
  if (begun != 0 && errno != EINPROGRESS) {
    lacks_descriptors_ = errno == EADDRNOTAVAIL || errno == ENOBUFS || errno == ENOMEM;
    return nullptr;
  }
  host->connections.fetch_add(1, std::memory_order_relaxed);
  const int number = descriptor.get();
  auto made = std::make_unique<Upstream>(*this, host, Socket(std::move(descriptor), false));
  Upstream* upstream = made.get();
  if (!loop_.watch(number, *upstream)) return nullptr;
  upstream->user_ = &user;
  all_.emplace(upstream, std::move(made));
  return upstream;
}

void UpstreamPool::give_back(Upstream& upstream) {
  OfHost& of_host = hosts_[&upstream.host()];
  upstream.user_ = nullptr;
  upstream.used_before_ = true;
  if (upstream.socket_.readable() || of_host.idle.size() >= kMaxIdlePerHost) {
    return close(upstream);
  }
  of_host.idle.push_back(&upstream);
  idle_timeout_.start(upstream, loop_.now());
}

void UpstreamPool::close(Upstream& upstream) {
  if (upstream.user_ == nullptr) remove_idle(upstream);
  upstream.user_ = nullptr;
  upstream.closed_ = true;
  TimeoutQueue::stop(upstream);
  loop_.unwatch(upstream.socket_.descriptor());
  auto node = all_.extract(&upstream);
  loop_.retire(std::move(node.mapped()));
}

void UpstreamPool::remove_idle(Upstream& upstream) {
  std::erase(hosts_[&upstream.host()].idle, &upstream);
}

} // namespace raglan::balancer

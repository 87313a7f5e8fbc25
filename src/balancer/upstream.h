// A connection to a host: of one exchange, or kept for the next.
//
// Thread safety: none; of one loop.
#pragma once

#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "balancer/host.h"
#include "balancer/loop.h"
#include "balancer/socket.h"

namespace raglan::balancer {

class UpstreamPool;

class Upstream final : public Loop::Watcher, public Timed {
 public:
  // Whose exchange it is.
  class User {
   public:
    virtual void on_upstream() = 0; // it may be written to, or read, or both
   protected:
    ~User() = default;
  };

  Upstream(UpstreamPool& pool, std::shared_ptr<Host> host, Socket socket)
      : pool_(pool), host_(std::move(host)), socket_(std::move(socket)) {}

  void on_events(std::uint32_t events) override;
  void on_overdue() override; // nobody has used it for long

  Socket& socket() { return socket_; }
  Host& host() { return *host_; }
  // Whether it has answered somebody before: the host may be closing it at this moment.
  bool used_before() const { return used_before_; }
  // Until the connect is through nothing is written.
  bool connecting() const { return connecting_; }
  bool failed_to_connect() const { return failed_to_connect_; }

 private:
  friend class UpstreamPool;

  UpstreamPool& pool_;
  const std::shared_ptr<Host> host_;
  Socket socket_;
  User* user_ = nullptr; // null: it is idle
  bool connecting_ = true;
  bool failed_to_connect_ = false;
  bool used_before_ = false;
  bool closed_ = false;
};

// The connections of one loop to all hosts.
class UpstreamPool {
 public:
  static constexpr std::size_t kMaxIdlePerHost = 1024;
  // Shorter than a node keeps an idle connection (server.idle_timeout): it is closed from here, and
  // no request finds it closed.
  static constexpr std::chrono::seconds kIdleTimeout{30};

  explicit UpstreamPool(Loop& loop) : loop_(loop), idle_timeout_(kIdleTimeout) {
    loop_.add(idle_timeout_);
  }
  ~UpstreamPool();
  UpstreamPool(const UpstreamPool&) = delete;
  UpstreamPool& operator=(const UpstreamPool&) = delete;

  // An idle connection, unless `fresh` asks for a new one, or one that is being opened. Null: there
  // is none to be had (no descriptor, no route).
  Upstream* take(const std::shared_ptr<Host>& host, Upstream::User& user, bool fresh);
  // Whether the last one that could not be opened was for want of descriptors, ports or memory
  // here.
  bool lacks_descriptors() const { return lacks_descriptors_; }
  // It is as new: its exchange is over, and all of it read.
  void give_back(Upstream& upstream);
  void close(Upstream& upstream);

 private:
  friend class Upstream;
  struct OfHost {
    std::vector<Upstream*> idle; // the last one to come back is used first
  };

  void remove_idle(Upstream& upstream);

  bool lacks_descriptors_ = false;
  Loop& loop_;
  TimeoutQueue idle_timeout_;
  std::unordered_map<const Host*, OfHost> hosts_;
  std::unordered_map<Upstream*, std::unique_ptr<Upstream>> all_;
};

} // namespace raglan::balancer

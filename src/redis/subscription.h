// The part of a subscriber that lives on its loop. Internal to redis/; subscriber.h says what it
// does.
//
// Thread safety: belongs to its loop, but for `stats`.
#pragma once

#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>
#include <vector>

#include "redis/client_shared.h"
#include "redis/dispatch.h"
#include "redis/stream.h"
#include "redis/subscriber.h"

namespace raglan::redis {

class Subscription : public std::enable_shared_from_this<Subscription> {
 public:
  Subscription(std::shared_ptr<Dispatch> dispatch, SubscriberConfig config,
               std::vector<std::string> channels, SubscriberEvents events,
               const Stream::Executor& executor);

  // From any thread, once.
  void start();
  // Afterwards no event is called.
  void stop();
  SubscriberStats stats() const;

 private:
  static constexpr std::size_t kStayPings = 10;

  static net::Task<> run(std::shared_ptr<Subscription> self);
  // Until the connection is lost.
  net::Task<> listen();
  // Which server to listen at: the first time since one was heard, that of the channel's slot.
  ServerPtr choose(const Topology& topology);
  // False when the reply makes no sense here.
  bool take(const Reply& reply);
  void watch();
  // Whether the channel's slot is another server's, which seems to be well. Asked once a ping: not
  // before kStayPings of them, so that who cannot be reached from here alone is not tried all the
  // time.
  bool belongs_elsewhere();
  void ping();

  const std::shared_ptr<Dispatch> dispatch_;
  const std::shared_ptr<ClientShared> shared_;
  const SubscriberConfig config_;
  const std::vector<std::string> channels_;
  SubscriberEvents events_;
  const Stream::Executor executor_;
  ServerPtr server_; // that stream_ is a connection to
  std::shared_ptr<Stream> stream_;
  boost::asio::steady_timer ping_timer_;
  boost::asio::steady_timer backoff_timer_;
  std::size_t confirmed_ = 0; // channels
  std::size_t pings_ = 0;     // since the connection was made
  std::size_t tries_ = 0;     // since something was heard
  bool heard_ = false;        // something since the last PING
  bool alive_ = false;        // something since the subscription stood
  bool writing_ = false;      // what was written last is not yet with the kernel
  bool stopped_ = false;
  bool refused_ = false; // and the log has it
  std::atomic<bool> subscribed_ = false;
  std::atomic<std::uint64_t> messages_ = 0;
  std::atomic<std::uint64_t> losses_ = 0;
};

} // namespace raglan::redis

// The way of commands to servers and of replies back. Internal to redis/; client.h says what it all
// does.
//
// It outlives the client for as long as a command is under way: the coroutines share it, and find
// it closed.
//
// Thread safety: the coroutines on any of the client's loops; `close` on a thread that is none of
// them; everything else on any thread.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/deadline.h"
#include "net/event_loops.h"
#include "net/task.h"
#include "redis/command.h"
#include "redis/discovery.h"
#include "redis/loop_pools.h"

namespace raglan::redis {

// What goes to one server in one piece.
struct Shipment {
  TopologyPtr topology; // by which connections are divided
  ServerPtr server;
  std::string wire;
  std::size_t commands = 0; // of others: without ASKING
  std::size_t replies = 0;
  Deadline limit;
  // Whether it has all the time that a command should have: what is late says something about the
  // server then.
  bool whole_time = true;
};

class Dispatch : public std::enable_shared_from_this<Dispatch> {
 public:
  static std::shared_ptr<Dispatch> create(std::shared_ptr<ClientShared> shared,
                                          net::EventLoops& loops);

  // All of the commands, each by the server that has its key. As many replies as commands, in
  // order. They must outlive the coroutine.
  static net::Task<Result<Replies>> exchange(std::shared_ptr<Dispatch> self,
                                             std::span<const Command> commands, Deadline deadline);
  // To that server, whatever the keys.
  static net::Task<Result<Replies>> send(std::shared_ptr<Dispatch> self, Shipment shipment);
  // One command to each of these servers at the same time; their replies, in order.
  static net::Task<std::vector<Result<Reply>>> send_each(std::shared_ptr<Dispatch> self,
                                                         TopologyPtr topology,
                                                         std::vector<ServerPtr> servers,
                                                         Command command, Deadline deadline);

  // Of a command without a key, or whose key is nobody's: the servers in turn, but for those whose
  // breaker is open.
  ServerPtr any_of(const Topology& topology);
  Discovery& discovery() { return *discovery_; }
  ClientShared& shared() { return *shared_; }
  const std::shared_ptr<ClientShared>& shared_ptr() const { return shared_; }
  void close();

 private:
  Dispatch(std::shared_ptr<ClientShared> shared, net::EventLoops& loops);

  void adapt();
  // There are as many connections as there may be, and some pool needs one.
  void make_room();
  // What came of so many commands.
  void count(const Server& server, const Result<Replies>& replies, std::size_t commands);
  void count_failure(const Error& error);
  void log_refusal(const Reply& refusal);

  const std::shared_ptr<ClientShared> shared_;
  net::EventLoops& loops_;
  std::vector<std::shared_ptr<LoopPools>> pools_; // by loop
  std::shared_ptr<Discovery> discovery_;
  std::atomic<std::size_t> turn_ = 0;
  std::atomic<std::size_t> making_room_ = 0; // on so many loops
};

} // namespace raglan::redis

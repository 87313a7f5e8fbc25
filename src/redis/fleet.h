// How many nodes there are: those that have said so to Redis in the last kLifetime.
//
// Each node says it every kBeat, under a name of its own, in a sorted set by Redis' clock
// (`<prefix>nodes`), and counts the names in the same step. While Redis is away, the last count
// stands: a fleet does not shrink because nobody can count it.
//
// Thread safety: `size` from any thread. The loops must stand still before this or the client is
// destroyed.
#pragma once

#include <chrono>
#include <memory>

#include "net/event_loops.h"
#include "redis/client.h"

namespace raglan::redis {

class Fleet {
 public:
  static constexpr std::chrono::seconds kBeat{2};
  static constexpr std::chrono::seconds kLifetime{10};

  // Begins on that loop at once.
  Fleet(Client& client, net::EventLoops& loops, std::size_t loop);
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  std::size_t size() const; // this node included: at least 1

  // Of a node that goes: it no longer counts. Awaited on one of the client's loops, while they run.
  // A beat that is under way ends first: behind it the name would be there again.
  net::Task<void> leave();

 private:
  struct State;
  static net::Task<void> beat(std::shared_ptr<State> state);
  static net::Task<void> forget(std::shared_ptr<State> state);

  const std::shared_ptr<State> state_;
};

} // namespace raglan::redis

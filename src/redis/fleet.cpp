#include "redis/fleet.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <string>

#include "net/detach.h"
#include "net/pause.h"
#include "redis/lease.h"
#include "redis/script.h"

namespace raglan::redis {
namespace {

constexpr std::chrono::milliseconds kLookAgain{5}; // whether a beat is over

// Adds ARGV[1] to KEYS[1], drops what is older than ARGV[2] milliseconds, and counts the rest.
const Script& beat_script() {
  static const Script script(
      "local time = redis.call('TIME')\n"
      "local now = time[1] * 1000 + math.floor(time[2] / 1000)\n"
      "redis.call('ZADD', KEYS[1], now, ARGV[1])\n"
      "redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])\n"
      "redis.call('PEXPIRE', KEYS[1], ARGV[2])\n"
      "return redis.call('ZCARD', KEYS[1])");
  return script;
}

} // namespace

struct Fleet::State {
  State(Client& redis, net::EventLoops::Executor executor)
      : client(redis), loop(std::move(executor)), key(redis.name("nodes")) {}

  Client& client;
  const net::EventLoops::Executor loop; // that it beats on
  const std::string key;
  const std::string name = Lease::make_token();
  std::atomic<std::size_t> size = 1;
  bool beating = false; // the loop's; so is `left`
  bool left = false;
};

Fleet::Fleet(Client& client, net::EventLoops& loops, std::size_t loop)
    : state_(std::make_shared<State>(client, loops.executor(loop))) {
  net::detach(loops.executor(loop), beat(state_));
}

std::size_t Fleet::size() const { return state_->size; }

net::Task<void> Fleet::beat(std::shared_ptr<State> state) {
  using std::chrono::milliseconds;
  const std::string lifetime = std::to_string(milliseconds(kLifetime).count());
  while (!state->left) {
    std::vector<std::string> keys{state->key};
    std::vector<std::string> arguments{state->name, lifetime};
    state->beating = true;
    auto count = co_await beat_script().run(state->client, std::move(keys), std::move(arguments),
                                            Deadline());
    state->beating = false;
    if (count) state->size = static_cast<std::size_t>(std::max<std::int64_t>(1, count->integer));
    if (!co_await net::pause(kBeat)) co_return;
  }
}

net::Task<void> Fleet::leave() {
  co_await boost::asio::co_spawn(state_->loop, forget(state_), boost::asio::use_awaitable);
}

net::Task<void> Fleet::forget(std::shared_ptr<State> state) {
  state->left = true;
  while (state->beating && co_await net::pause(kLookAgain)) {
  }
  Command forget("ZREM", state->key, state->name);
  (void)co_await state->client.command(std::move(forget), Deadline());
}

} // namespace raglan::redis

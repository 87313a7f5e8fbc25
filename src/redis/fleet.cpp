#include "redis/fleet.h"

#include <algorithm>
#include <atomic>
#include <string>

#include "net/detach.h"
#include "net/pause.h"
#include "redis/lease.h"
#include "redis/script.h"

namespace raglan::redis {
namespace {

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
  explicit State(Client& redis) : client(redis), key(redis.name("nodes")) {}

  Client& client;
  const std::string key;
  const std::string name = Lease::make_token();
  std::atomic<std::size_t> size = 1;
  std::atomic<bool> left = false;
};

Fleet::Fleet(Client& client, net::EventLoops& loops, std::size_t loop)
    : state_(std::make_shared<State>(client)) {
  net::detach(loops.executor(loop), beat(state_));
}

std::size_t Fleet::size() const { return state_->size; }

net::Task<void> Fleet::beat(std::shared_ptr<State> state) {
  using std::chrono::milliseconds;
  const std::string lifetime = std::to_string(milliseconds(kLifetime).count());
  do {
    std::vector<std::string> keys{state->key};
    std::vector<std::string> arguments{state->name, lifetime};
    auto count = co_await beat_script().run(state->client, std::move(keys), std::move(arguments),
                                            Deadline());
    if (count) state->size = static_cast<std::size_t>(std::max<std::int64_t>(1, count->integer));
  } while (co_await net::pause(kBeat) && !state->left);
}

net::Task<void> Fleet::leave() {
  state_->left = true;
  Command forget("ZREM", state_->key, state_->name);
  (void)co_await state_->client.command(std::move(forget), Deadline());
}

} // namespace raglan::redis

// What one GET costs this process: our client, asked by many coroutines of one event loop at once,
// against hiredis' synchronous client, one command after the other. For bench/redis.py.
//
//   redis_bench SOCKET ROUNDS COMMANDS COROUTINES PIPELINED VALUE_BYTES
//
// Prints a line a round: CPU microseconds (user and system, of the whole process) of one GET, ours
// and hiredis', then the seconds that each took. The two take turns in going first.
#include <fmt/core.h>
#include <hiredis/hiredis.h>
#include <sys/resource.h>

#include <boost/asio/co_spawn.hpp>
#include <cstdlib>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>

#include "redis/client.h"

namespace {

using namespace raglan;

struct Cost {
  double cpu_us;
  double seconds;
};

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

template <typename Work>
Cost measure(int commands, const Work& work) {
  const auto& clock = SystemClock::instance();
  const auto began = clock.now();
  const double cpu_before = cpu_seconds();
  work();
  const double cpu = cpu_seconds() - cpu_before;
  return {cpu * 1e6 / commands, to_milliseconds(clock.now() - began) / 1e3};
}

net::Task<> get_many(redis::Client& client, int count, std::size_t value_bytes) {
  for (int i = 0; i < count; ++i) {
    redis::Command get("GET", "raglan:bench");
    const auto reply = co_await client.command(std::move(get), {});
    if (!reply || reply->text.size() != value_bytes) throw std::runtime_error("a GET failed");
  }
}

void ours(redis::Client& client, net::EventLoops& loops, int commands, int coroutines,
          std::size_t value_bytes) {
  std::vector<std::future<void>> ends;
  for (int i = 0; i < coroutines; ++i) {
    ends.push_back(boost::asio::co_spawn(loops.executor(0),
                                         get_many(client, commands / coroutines, value_bytes),
                                         boost::asio::use_future));
  }
  for (auto& end : ends) end.get();
}

void theirs(redisContext* context, int commands, std::size_t value_bytes) {
  for (int i = 0; i < commands; ++i) {
    auto* const reply = static_cast<redisReply*>(redisCommand(context, "GET raglan:bench"));
    if (reply == nullptr || reply->len != value_bytes) throw std::runtime_error("a GET failed");
    freeReplyObject(reply);
  }
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 7) return 64;
  const std::string socket = argv[1];
  const int rounds = std::atoi(argv[2]);
  const int commands = std::atoi(argv[3]);
  const int coroutines = std::atoi(argv[4]);
  const std::string value(std::strtoull(argv[6], nullptr, 10), 'x');

  const std::unique_ptr<redisContext, decltype(&redisFree)> context(
      redisConnectUnix(socket.c_str()), &redisFree);
  auto* const stored = static_cast<redisReply*>(
      redisCommand(context.get(), "SET raglan:bench %b", value.data(), value.size()));
  if (stored == nullptr) return 1;
  freeReplyObject(stored);

  net::EventLoops loops({.threads = 1});
  loops.start();
  redis::ClientConfig config;
  config.url = config::Secret("unix://" + socket);
  config.timeout = std::chrono::seconds(10); // it is not about time limits
  config.max_connections = 64;
  config.max_pipelined = std::strtoull(argv[5], nullptr, 10);
  const auto client = redis::Client::create(config, loops);
  if (!client) return 1;

  const auto run_ours = [&] { ours(**client, loops, commands, coroutines, value.size()); };
  const auto run_theirs = [&] { theirs(context.get(), commands, value.size()); };
  run_ours();
  run_theirs();
  for (int round = 0; round < rounds; ++round) {
    Cost our{};
    Cost their{};
    if (round % 2 == 0) our = measure(commands, run_ours);
    their = measure(commands, run_theirs);
    if (round % 2 == 1) our = measure(commands, run_ours);
    fmt::print("{} {} {} {}\n", our.cpu_us, their.cpu_us, our.seconds, their.seconds);
  }
  return 0;
}

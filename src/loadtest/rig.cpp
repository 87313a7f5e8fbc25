#include "loadtest/rig.h"

#include <algorithm>
#include <array>
#include <thread>

#include <fmt/format.h>

#include "store/sqlite.h"

namespace raglan::loadtest {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kStore = "store.db";
constexpr std::chrono::seconds kRedisPatience{10};
// The package redis-server would start a service; redis-tools has the same program under the name
// of a checking tool. It goes by the name that it is called.
constexpr std::array<const char*, 3> kRedisPrograms = {
    "/usr/bin/redis-server", "/usr/local/bin/redis-server", "/usr/bin/redis-check-rdb"};

} // namespace

Result<std::unique_ptr<Rig>> Rig::make(RigConfig config) {
  std::error_code ignored;
  if (!fs::exists(config.store, ignored)) return fail(ErrorCode::kNotFound, "there is no store");
  auto folder = TemporaryFolder::make("raglan-prove-");
  if (!folder) return forward_error(folder);
  std::unique_ptr<Rig> rig(new Rig(std::move(config), std::move(*folder)));
  if (auto ok = rig->copy_store(); !ok) return forward_error(ok);
  auto node = rig->start_node();
  if (!node) return forward_error(node);
  auto corpus = read_corpus(**node, rig->config_.seed);
  if (!corpus) return forward_error(corpus);
  rig->corpus_ = std::move(*corpus);
  return rig;
}

// VACUUM INTO reads one snapshot, whoever writes meanwhile.
Result<> Rig::copy_store() {
  auto connection =
      store::Connection::open(config_.store, {.busy_timeout = std::chrono::seconds(5)});
  if (!connection) return forward_error(connection);
  return connection->run("VACUUM INTO ?", std::string_view((folder_.path() / kStore).native()));
}

Result<TemporaryFolder> Rig::copy_data() {
  auto data = TemporaryFolder::make("raglan-prove-data-");
  if (!data) return data;
  std::error_code error;
  fs::copy_file(folder_.path() / kStore, data->path() / kStore, error);
  if (error) return fail(ErrorCode::kUnavailable, "the documents cannot be copied");
  return data;
}

Result<Rig::NodePtr> Rig::start_on(const fs::path& data, const std::vector<std::string>& settings) {
  supervisor::Command command{.program = "/proc/self/exe",
                              .name = "raglan",
                              .arguments = {"serve"},
                              .errors = folder_.path() / fmt::format("node-{}.log", ++processes_)};
  auto& arguments = command.arguments;
  arguments.insert(arguments.end(), config_.node_options.begin(), config_.node_options.end());
  for (const char* word : {"--listen", "127.0.0.1:0", "--data"}) arguments.emplace_back(word);
  arguments.push_back(data.string());
  const auto set = [&](std::string assignment) {
    arguments.emplace_back("--set");
    arguments.push_back(std::move(assignment));
  };
  set(fmt::format("store.url=sqlite:{}", kStore));
  for (const char* assignment :
       {"redis.url=", "cache.warmup.queries=", "cache.warmup.refresh=false", "log.level=warning"}) {
    set(assignment);
  }
  for (const std::string& assignment : settings) set(assignment);
  return MeasuredNode::start(command);
}

Result<Rig::NodePtr> Rig::start_node(const std::vector<std::string>& settings) {
  auto nodes = start_nodes(1, settings);
  if (!nodes) return forward_error(nodes);
  return std::move(nodes->front());
}

Result<Rig::NodePtr> Rig::start_empty_node(const std::vector<std::string>& settings) {
  auto data = TemporaryFolder::make("raglan-prove-data-");
  if (!data) return forward_error(data);
  auto node = start_on(data->path(), settings);
  if (node) (*node)->keep(std::move(*data));
  return node;
}

// The copy goes with the last of them, which a vector destroys last.
Result<std::vector<Rig::NodePtr>> Rig::start_nodes(std::size_t count,
                                                   const std::vector<std::string>& settings) {
  auto data = copy_data();
  if (!data) return forward_error(data);
  const fs::path path = data->path();
  std::vector<NodePtr> nodes;
  while (nodes.size() < count) {
    auto node = start_on(path, settings);
    if (!node) return forward_error(node);
    nodes.push_back(std::move(*node));
  }
  nodes.back()->keep(std::move(*data));
  return nodes;
}

Result<RedisProcess> Rig::start_redis() {
  std::error_code ignored;
  const auto* program = std::ranges::find_if(
      kRedisPrograms, [&](const char* path) { return fs::exists(path, ignored); });
  if (program == kRedisPrograms.end()) {
    return fail(ErrorCode::kUnavailable, "there is no redis-server on this machine");
  }
  const fs::path socket = folder_.path() / fmt::format("redis-{}.sock", ++processes_);
  auto process = LoggedProcess::start(
      {.program = *program,
       .name = "redis-server",
       .arguments = {"--port", "0", "--unixsocket", socket.string(), "--save", "", "--appendonly",
                     "no", "--logfile", (folder_.path() / "redis.log").string()},
       .errors = folder_.path() / "redis.err"});
  if (!process) return forward_error(process);
  const Clock& clock = SystemClock::instance();
  const MonotonicTime give_up = clock.now() + kRedisPatience;
  while (!fs::exists(socket, ignored)) {
    if (!(*process)->running() || clock.now() >= give_up) {
      return fail(ErrorCode::kUnavailable, "the Redis does not start");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return RedisProcess{std::move(*process), fmt::format("unix://{}", socket.string())};
}

std::span<const std::string> Rig::questions(std::size_t most) const {
  return std::span(corpus_.questions).first(std::min(most, corpus_.questions.size()));
}

void run_on_threads(std::size_t threads, const std::function<void(std::size_t)>& work) {
  std::vector<std::jthread> running;
  running.reserve(threads);
  for (std::size_t i = 0; i < threads; ++i) running.emplace_back([&work, i] { work(i); });
}

} // namespace raglan::loadtest

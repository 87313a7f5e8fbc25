// Our side of bench/eviction.py: cache::LocalCache under each of its eviction policies. A line on
// standard input is a command, a line on standard output its answer:
//
//   replay TRACE POLICY ENTRIES            how many requests of the trace hit, with room for so
//   many fill TRACE POLICY ENTRIES              makes the cache that `look_up` asks, twice as large
//   as needed look_up POLICY THREADS [apart]         seconds for as many look-ups as the trace has
//   requests, by
//                                          each thread; `apart`: each in a cache of its own
//
// A trace is in the format of libCacheSim's oracleGeneral, of which only the key counts here.
#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <latch>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "cache/local_cache.h"

namespace {

using namespace raglan;

struct Value {
  std::uint64_t number;
  std::array<char, 56> rest{};
};
using Cache = cache::LocalCache<Value>;
using Trace = std::vector<std::uint64_t>;

// What an answer of a few sources takes; how many shards there are follows from it.
constexpr std::size_t kEntryBytes = 8192;

cache::Eviction eviction_of(const std::string& name) {
  for (const auto each : {cache::Eviction::kLru, cache::Eviction::kLfu, cache::Eviction::kTtl,
                          cache::Eviction::kS3Fifo}) {
    if (cache::eviction_name(each) == name) return each;
  }
  throw std::invalid_argument("no such policy: " + name);
}

std::unique_ptr<Cache> make_cache(const std::string& policy, std::size_t entries) {
  return std::make_unique<Cache>(
      cache::LocalCacheConfig{.max_bytes = entries * kEntryBytes, .eviction = eviction_of(policy)});
}

void insert(Cache& cache, const Hash128& key, std::uint64_t number, MonotonicTime now) {
  cache.insert(key, std::make_shared<const Value>(number), kEntryBytes - Cache::kEntryOverheadBytes,
               now);
}

Trace read_trace(const std::string& path) {
  constexpr std::size_t kRecordBytes = 24;
  constexpr std::size_t kKeyAt = 4;
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  const std::string bytes = std::move(content).str();
  Trace trace(bytes.size() / kRecordBytes);
  for (std::size_t i = 0; i < trace.size(); ++i) {
    std::memcpy(&trace[i], bytes.data() + i * kRecordBytes + kKeyAt, sizeof trace[i]);
  }
  if (trace.empty()) throw std::runtime_error("no trace: " + path);
  return trace;
}

// As evenly spread as the SHA-256 of the real keys, and quicker (splitmix64's finalizer).
std::uint64_t mixed(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

Hash128 key_of(std::uint64_t number) {
  return std::bit_cast<Hash128>(std::array{mixed(number), mixed(~number)});
}

std::size_t replay(const Trace& trace, Cache& cache) {
  std::size_t hits = 0;
  MonotonicTime now{
      std::chrono::hours(1)}; // each request a microsecond after the other: none expires
  for (const std::uint64_t number : trace) {
    const Hash128 key = key_of(number);
    now += std::chrono::microseconds(1);
    if (cache.find(key, now)) {
      ++hits;
    } else {
      insert(cache, key, number, now);
    }
  }
  return hits;
}

// Caches that hold all that they are asked for.
class Resident {
 public:
  Resident(const Trace& trace, const std::string& policy, std::size_t entries) : trace_(trace) {
    for (auto& cache : caches_) cache = make_cache(policy, 2 * entries);
    const std::uint64_t largest = *std::ranges::max_element(trace);
    for (std::uint64_t number = 0; number <= largest; ++number) keys_.push_back(key_of(number));
    const auto now = SystemClock::instance().now();
    for (const std::uint64_t number : std::unordered_set(trace.begin(), trace.end())) {
      for (auto& cache : caches_) insert(*cache, keys_[number], number, now);
    }
  }

  // From when the first thread begins to when the last one ends.
  double look_up(std::size_t threads, bool apart) {
    std::latch ready(static_cast<std::ptrdiff_t>(threads));
    std::vector<Walk> walks(threads);
    std::vector<std::jthread> all;
    all.reserve(threads);
    for (std::size_t i = 0; i < threads; ++i) {
      all.emplace_back([&, i] {
        ready.arrive_and_wait();
        walks[i] = walk(*caches_[apart ? i : 0], i * trace_.size() / threads);
      });
    }
    all.clear();
    Walk whole = walks.front();
    for (const Walk& each : walks) {
      if (each.wrong > 0) throw std::runtime_error("a look-up missed");
      whole.began = std::min(whole.began, each.began);
      whole.ended = std::max(whole.ended, each.ended);
    }
    return to_milliseconds(whole.ended - whole.began) / 1e3;
  }

 private:
  struct Walk {
    MonotonicTime began;
    MonotonicTime ended;
    std::size_t wrong = 0;
  };

  // A server reads the clock for each look-up, and so does this.
  Walk walk(Cache& cache, std::size_t from) const {
    const Clock& clock = SystemClock::instance();
    Walk done{clock.now(), {}};
    for (std::size_t i = 0; i < trace_.size(); ++i) {
      const std::uint64_t number = trace_[from];
      const auto value = cache.find(keys_[number], clock.now());
      done.wrong += value != nullptr && value->number == number ? 0 : 1;
      if (++from == trace_.size()) from = 0;
    }
    done.ended = clock.now();
    return done;
  }

  const Trace trace_;
  std::vector<Hash128> keys_;
  std::array<std::unique_ptr<Cache>, 2> caches_;
};

class Session {
 public:
  std::string answer(const std::string& line) {
    std::istringstream words(line);
    std::string command;
    words >> command;
    std::string path, policy, apart;
    std::size_t count = 0;
    if (command == "look_up") {
      words >> policy >> count >> apart;
      return std::to_string(residents_.at(policy)->look_up(count, !apart.empty()));
    }
    words >> path >> policy >> count;
    if (path != path_) trace_ = read_trace(path_ = path);
    if (command == "replay") return std::to_string(replay(trace_, *make_cache(policy, count)));
    if (command != "fill") throw std::invalid_argument("no such command: " + command);
    residents_[policy] = std::make_unique<Resident>(trace_, policy, count);
    return "done";
  }

 private:
  std::string path_; // of trace_
  Trace trace_;
  std::map<std::string, std::unique_ptr<Resident>> residents_; // by policy
};

} // namespace

int main() try {
  Session session;
  for (std::string line; std::getline(std::cin, line);) {
    fmt::print("{}\n", session.answer(line));
    std::fflush(stdout);
  }
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "eviction_bench: {}\n", error.what());
  return 1;
}

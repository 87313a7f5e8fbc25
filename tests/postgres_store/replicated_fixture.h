// A primary with two streaming standbys for all tests of the program, and databases on them.
#pragma once

#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

#include "database_fixture.h"

namespace raglan::postgres_store {

// Started by the first who asks; they end with the program.
struct ReplicatedServer {
  // No commit waits for a standby unless its database says so.
  postgres::RealServer primary{{"synchronous_commit = local", "synchronous_standby_names = '*'",
                                "max_wal_senders = 10", "hot_standby_feedback = off"}};
  // What it replays waits for no reader.
  std::unique_ptr<postgres::RealServer> first =
      primary.make_standby({"max_standby_streaming_delay = 0", "wal_receiver_status_interval = 1s",
                            "cluster_name = first"});
  std::unique_ptr<postgres::RealServer> second =
      primary.make_standby({"cluster_name = second", "recovery_min_apply_delay = 100ms"});
};
inline ReplicatedServer& replicated_server() {
  static ReplicatedServer started;
  return started;
}

// Polls.
template <typename Done>
void await(Done done, std::string_view what) {
  using namespace std::chrono_literals;
  const Clock& clock = SystemClock::instance();
  const MonotonicTime patience = clock.now() + 60s;
  while (!done()) {
    if (clock.now() > patience) throw std::runtime_error(fmt::format("not within 60 s: {}", what));
    std::this_thread::sleep_for(5ms);
  }
}

enum class Replication {
  kAtOnce, // a write is applied on the first standby when it is acknowledged
  kFree,   // on the first, some time later
  kLate,   // on the second, 100 ms later at least
};

// A database, and stores on it that read on one standby.
class ReplicatedDatabase {
 public:
  explicit ReplicatedDatabase(net::EventLoops& loops, Replication kind)
      : standby_(kind == Replication::kLate ? *replicated_server().second
                                            : *replicated_server().first),
        database_(loops, replicated_server().primary) {
    if (kind == Replication::kAtOnce) {
      database_.admin(
          fmt::format("ALTER DATABASE {} SET synchronous_commit = remote_apply", database_.name()));
    }
    const auto there = [this] { return database_.exists_at(replica_url()); };
    await(there, "the standby has the database");
  }

  // Once its replica is in rotation.
  PostgresStore& open(store::EmbeddingSpace space, const Config& config = {}) {
    auto opened = database_.open(std::move(space), config, {}, {replica_url()});
    if (!opened) throw std::runtime_error(opened.error().message);
    PostgresStore& store = *stores_.emplace_back(std::move(*opened));
    store.begin_upkeep();
    await_state(store, policy::ReplicaState::kServing);
    return store;
  }
  static void await_state(const PostgresStore& store, policy::ReplicaState state) {
    const auto reached = [&] { return store.replicas().status(0).state == state; };
    await(reached, policy::replica_state_name(state));
  }
  void stop() { database_.stop(); }

  std::string replica_url() const { return database_.url_on(standby_); }
  postgres::RealServer& standby() { return standby_; }
  Database& database() { return database_; }
  // Over again when what it replays takes away what the statement reads.
  postgres::Rows ask_standby(const std::string& sql) {
    for (int attempt = 1;; ++attempt) {
      try {
        return database_.ask_in(replica_url(), sql);
      } catch (const std::runtime_error& error) {
        if (attempt == 100 || !std::string_view(error.what()).contains("40001")) throw;
      }
    }
  }

 private:
  postgres::RealServer& standby_;
  Database database_;
  std::vector<std::unique_ptr<PostgresStore>> stores_;
};

} // namespace raglan::postgres_store

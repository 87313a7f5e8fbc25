// One PostgreSQL server for all tests of the program, and a database for each.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "net/detach.h"
#include "net/event_loops.h"
#include "postgres/client.h"
#include "postgres_store/postgres_store.h"
#include "real_server.h"
#include "runtime/executor.h"

namespace raglan::postgres_store {

// Started by the first who asks; it ends with the program.
inline postgres::RealServer& server() {
  static postgres::RealServer started;
  return started;
}

// A database of a test's own, and stores on it, each as a process of its own has it.
class Database {
 public:
  explicit Database(net::EventLoops& loops, postgres::RealServer& on = server())
      : server_(on), loops_(loops) {
    static std::atomic<int> next = 0;
    name_ = "test" + std::to_string(next++);
    admin("CREATE DATABASE " + name_ + " TEMPLATE template0 ENCODING 'UTF8'");
  }
  ~Database() { stop(); }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  postgres::Target target(const std::string& url) {
    auto submit = [this](std::function<void()> work) { executor_.try_submit(std::move(work)); };
    return {*postgres::parse_url(url), resolver_, SystemClock::instance(), submit};
  }
  std::string url() const { return server_.url(name_); }
  // The same on a standby of the server.
  std::string url_on(const postgres::RealServer& standby) const { return standby.url(name_); }

  Result<std::unique_ptr<PostgresStore>> open(store::EmbeddingSpace space, Config config = {},
                                              postgres::Client::Observers observers = {},
                                              const std::vector<std::string>& replicas = {}) {
    std::vector<Replicas::Given> given;
    for (const std::string& replica : replicas) given.push_back({target(replica), {}, {}});
    auto submit = [this](std::function<void()> work) {
      return executor_.try_submit(std::move(work));
    };
    return net::run_on(loops_.executor(0),
                       PostgresStore::open(std::move(space), config, target(url()),
                                           {.search = submit,
                                            .storage = submit,
                                            .max_metadata_bytes = 64 * 1024,
                                            .loop = loops_.executor(1),
                                            .replicas = std::move(given)},
                                           std::move(observers), Deadline()));
  }

  const std::string& name() const { return name_; }

  // Before the loops go.
  void stop() {
    resolver_.stop();
    executor_.stop();
  }

  // What one statement comes to, in this database.
  postgres::Rows ask(const std::string& sql) { return ask_in(url(), sql); }
  void admin(const std::string& sql) { ask_in(server_.url(), sql); }

  postgres::Rows ask_in(const std::string& where, const std::string& sql) {
    const postgres::Target asked = target(where);
    auto run = [](const postgres::Target& to,
                  std::string text) -> net::Task<Result<postgres::Rows>> {
      auto connection = co_await postgres::Connection::open(to, Deadline());
      if (!connection) co_return forward_error(connection);
      co_return co_await (*connection)->execute(postgres::Statement(text), Deadline());
    };
    auto rows = net::run_on(loops_.executor(0), run(asked, sql));
    if (!rows) throw std::runtime_error(rows.error().message + ": " + sql);
    return std::move(*rows);
  }
  // Whether it is there (yet).
  bool exists_at(const std::string& where) {
    const postgres::Target asked = target(where);
    auto connect = [](const postgres::Target& to) -> net::Task<bool> {
      auto connection = co_await postgres::Connection::open(to, Deadline());
      co_return connection.has_value();
    };
    return net::run_on(loops_.executor(0), connect(asked));
  }

 private:
  postgres::RealServer& server_;
  net::EventLoops& loops_;
  net::Resolver resolver_;
  runtime::Executor executor_{{.name = "store", .threads = 2}};
  std::string name_;
};

} // namespace raglan::postgres_store

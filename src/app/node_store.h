// The store that the settings name, opened: the embedded one in the data folder, or PostgreSQL.
//
//   auto store = NodeStore::open(settings, data_folder, space, {executors, loops, …}, progress);
//   use((*store)->store());
//
// Thread safety: that of the parts; `stop` and the destructor belong to one thread: `stop` before
// the loops are destroyed, the destructor after that, as their last coroutines use the store.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/instruments.h"
#include "app/settings.h"
#include "net/event_loops.h"
#include "node/executors.h"
#include "store/embedding_space.h"
#include "store/store.h"

namespace raglan::app {

// The embedded store's file for a data folder; empty: the store is PostgreSQL.
std::optional<std::filesystem::path> store_path(const Settings& settings,
                                                const std::filesystem::path& data_folder);

class NodeStore {
 public:
  struct Parts {
    node::Executors& executors;
    net::EventLoops& loops; // started
    Instruments& instruments;
    std::function<std::size_t()> nodes; // that share it; empty: this one alone
    const Clock& clock;
    // As PostgresStore::Parts says; other processes on an embedded store see it by themselves.
    std::function<void(const store::CollectionKey&)> on_write = {};
  };
  // How far loading is, in chunks.
  using Progress = std::function<void(std::uint64_t done, std::uint64_t total)>;

  // Blocks. Errors: those of EmbeddedStore::open and of PostgresStore::open.
  static Result<std::unique_ptr<NodeStore>> open(const Settings& settings,
                                                 const std::filesystem::path& data_folder,
                                                 store::EmbeddingSpace space, const Parts& parts);
  virtual ~NodeStore() = default;

  virtual store::Store& store() = 0;
  // Of who is going to search: so that no search waits for an index. Blocks.
  virtual Result<> load_indexes(const Progress& /*progress*/) { return {}; }
  // Of a process that stays: it does what takes long, behind the requests.
  virtual void begin_upkeep() {}
  // As those of PostgresStore.
  virtual void forget_generation(const store::CollectionKey& /*key*/) {}
  virtual void forget_generations() {}
  // When no request is under way: what waits is written.
  virtual void stop() = 0;

  struct Replica {
    std::string server; // "host:port/database"
    bool in_rotation = false;
    std::string state; // "serving, 0.2 s behind", "unreachable: …"
  };
  // The read replicas as they are: looked at now, where nobody watches them. Blocks.
  virtual std::vector<Replica> replicas(bool /*look*/) { return {}; }

 protected:
  std::vector<telemetry::Registration> registrations_;
};

} // namespace raglan::app

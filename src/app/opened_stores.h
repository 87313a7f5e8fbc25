// Stores by themselves, for commands that need some without a node around them: with executors and
// a loop that they share.
//
//   OpenedStores stores;
//   auto opened = stores.open(settings, data_folder, space);
//   auto collections = stores.wait((*opened)->store().list_collections("acme", Deadline()));
//
// What works behind a call may use its store after the call has returned: all of them live until
// the loop stands still, in the destructor. NodeStore::stop closes one before.
//
// Blocking; thread safety: none.
#pragma once

#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "app/instruments.h"
#include "app/node_store.h"
#include "net/detach.h"

namespace raglan::app {

class OpenedStores {
 public:
  OpenedStores();
  ~OpenedStores();

  // As long as this. Errors: those of NodeStore::open.
  Result<NodeStore*> open(const Settings& settings, const std::filesystem::path& data_folder,
                          store::EmbeddingSpace space);

  boost::asio::any_io_executor loop() { return loops_.executor(0); }
  // What a coroutine on that loop returns.
  template <typename T>
  T wait(net::Task<T> task) {
    return net::run_on(loop(), std::move(task));
  }

 private:
  struct Opened {
    std::unique_ptr<Instruments> instruments = std::make_unique<Instruments>();
    std::unique_ptr<NodeStore> store;
  };

  node::Executors executors_;
  std::vector<Opened> opened_;
  net::EventLoops loops_{{.threads = 1}}; // whose last coroutines use the stores
};

} // namespace raglan::app

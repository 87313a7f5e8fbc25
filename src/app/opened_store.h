// A store by itself, for commands that need one without a node around it: with executors and a loop
// of its own.
//
//   auto opened = OpenedStore::open(settings, data_folder, space);
//   auto collections = (*opened)->wait((*opened)->store().list_collections("acme", Deadline()));
//
// Blocking; thread safety: none.
#pragma once

#include <filesystem>
#include <memory>
#include <utility>

#include "app/instruments.h"
#include "app/node_store.h"
#include "net/detach.h"

namespace raglan::app {

class OpenedStore {
 public:
  // Errors: those of NodeStore::open.
  static Result<std::unique_ptr<OpenedStore>> open(const Settings& settings,
                                                   const std::filesystem::path& data_folder,
                                                   store::EmbeddingSpace space);
  ~OpenedStore();

  NodeStore& node_store() { return *store_; }
  store::Store& store() { return store_->store(); }
  boost::asio::any_io_executor loop() { return loops_.executor(0); }
  // What a coroutine on that loop returns.
  template <typename T>
  T wait(net::Task<T> task) {
    return net::run_on(loop(), std::move(task));
  }

 private:
  OpenedStore();

  Instruments instruments_;
  node::Executors executors_;
  std::unique_ptr<NodeStore> store_;
  net::EventLoops loops_{{.threads = 1}}; // whose last coroutines use the store
};

} // namespace raglan::app

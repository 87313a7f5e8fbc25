#include "app/opened_stores.h"

#include "telemetry/resource_usage.h"

namespace raglan::app {

OpenedStores::OpenedStores()
    : executors_(static_cast<std::size_t>(telemetry::ResourceReader().available_cores())) {
  loops_.start();
}

Result<NodeStore*> OpenedStores::open(const Settings& settings,
                                      const std::filesystem::path& data_folder,
                                      store::EmbeddingSpace space) {
  Opened opened;
  auto store = NodeStore::open(settings, data_folder, std::move(space),
                               {.executors = executors_,
                                .loops = loops_,
                                .instruments = *opened.instruments,
                                .nodes = {},
                                .clock = SystemClock::instance()});
  if (!store) return forward_error(store);
  opened.store = std::move(*store);
  return opened_.emplace_back(std::move(opened)).store.get();
}

OpenedStores::~OpenedStores() {
  for (const Opened& opened : opened_) opened.store->stop();
  executors_.stop();
  loops_.stop();
}

} // namespace raglan::app

#include "app/opened_store.h"

#include "telemetry/resource_usage.h"

namespace raglan::app {

OpenedStore::OpenedStore()
    : executors_(static_cast<std::size_t>(telemetry::ResourceReader().available_cores())) {
  loops_.start();
}

Result<std::unique_ptr<OpenedStore>> OpenedStore::open(const Settings& settings,
                                                       const std::filesystem::path& data_folder,
                                                       store::EmbeddingSpace space) {
  std::unique_ptr<OpenedStore> opened(new OpenedStore);
  auto store = NodeStore::open(settings, data_folder, std::move(space),
                               {.executors = opened->executors_,
                                .loops = opened->loops_,
                                .instruments = opened->instruments_,
                                .nodes = {},
                                .clock = SystemClock::instance()});
  if (!store) return forward_error(store);
  opened->store_ = std::move(*store);
  return opened;
}

OpenedStore::~OpenedStore() {
  if (store_) store_->stop();
  executors_.stop();
  loops_.stop();
}

} // namespace raglan::app

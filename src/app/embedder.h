// The embedder that the settings name, in this process or behind an API, with its metrics.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "app/instruments.h"
#include "app/settings.h"
#include "model/embedder.h"
#include "redis/fleet.h"

namespace raglan::app {

struct LoadedEmbedder {
  std::unique_ptr<model::Embedder> embedder;
  node::BreakerBoard::Place breaker; // of a provider, as these
  std::vector<telemetry::Registration> quota;
};

// Blocks: for seconds to load a model, or for a call to learn a provider's dimension. Errors:
// find_model's, LocalEmbedder::load's, RemoteEmbedder::connect's. `instruments` may be null.
Result<LoadedEmbedder> load_embedder(const Settings& settings,
                                     const std::filesystem::path& data_folder,
                                     Instruments* instruments, const redis::Fleet* fleet,
                                     const Clock& clock);

} // namespace raglan::app

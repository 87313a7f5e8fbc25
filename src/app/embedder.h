// The embedder that the settings name, in this process or behind an API, with its metrics.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "app/settings.h"
#include "model/embedder.h"
#include "telemetry/metric_registry.h"

namespace raglan::app {

struct LoadedEmbedder {
  std::unique_ptr<model::Embedder> embedder;
  std::vector<telemetry::Registration> registrations; // must not outlive the embedder
};

// Blocks: for seconds to load a model, or for a call to learn a provider's dimension. Errors:
// find_model's, LocalEmbedder::load's, RemoteEmbedder::connect's. `metrics` may be null.
Result<LoadedEmbedder> load_embedder(const Settings& settings,
                                     const std::filesystem::path& data_folder,
                                     telemetry::MetricRegistry* metrics, const Clock& clock);

} // namespace raglan::app

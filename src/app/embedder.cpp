#include "app/embedder.h"

#include <utility>

#include "app/model_path.h"
#include "app/upstream_metrics.h"

namespace raglan::app {
namespace {

const std::string kUpstream = "embedding";

Result<LoadedEmbedder> load_local(const Settings& settings,
                                  const std::filesystem::path& data_folder, const Clock& clock) {
  auto folder = find_model(settings.embedding.model, data_folder);
  if (!folder) return forward_error(folder);
  auto embedder = model::LocalEmbedder::load(*folder, settings.embedder, clock);
  if (!embedder) return forward_error(embedder);
  return LoadedEmbedder{std::move(*embedder), {}};
}

Result<LoadedEmbedder> connect_remote(const Settings& settings, telemetry::MetricRegistry* metrics,
                                      const Clock& clock) {
  auto embedder = model::RemoteEmbedder::connect(
      settings.embedding.model, settings.remote_embedder, settings.embedder_policies,
      metrics ? observe_upstream(*metrics, kUpstream) : model::RemoteEmbedder::Observer(), clock);
  if (!embedder) return forward_error(embedder);
  LoadedEmbedder loaded;
  if (metrics) {
    loaded.registrations.push_back(register_breaker(
        *metrics, kUpstream, [&remote = **embedder] { return remote.breaker_status(); }));
  }
  loaded.embedder = std::move(*embedder);
  return loaded;
}

} // namespace

Result<LoadedEmbedder> load_embedder(const Settings& settings,
                                     const std::filesystem::path& data_folder,
                                     telemetry::MetricRegistry* metrics, const Clock& clock) {
  if (settings.embedding.provider == EmbeddingProvider::kOpenAi) {
    return connect_remote(settings, metrics, clock);
  }
  return load_local(settings, data_folder, clock);
}

} // namespace raglan::app

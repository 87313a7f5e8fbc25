#include "app/embedder.h"

#include <utility>

#include "app/model_path.h"
#include "app/upstream_metrics.h"

namespace raglan::app {
namespace {

constexpr const char* kUpstream = "embedding";

Result<LoadedEmbedder> load_local(const Settings& settings,
                                  const std::filesystem::path& data_folder, const Clock& clock) {
  auto folder = find_model(settings.embedding.model, data_folder);
  if (!folder) return forward_error(folder);
  auto embedder = model::LocalEmbedder::load(*folder, settings.embedder, clock);
  if (!embedder) return forward_error(embedder);
  return LoadedEmbedder{std::move(*embedder), {}};
}

Result<LoadedEmbedder> connect_remote(const Settings& settings, Instruments* instruments,
                                      const Clock& clock) {
  model::RemoteEmbedder::Observer observe;
  if (instruments) observe = observe_upstream(instruments->metrics, kUpstream);
  auto embedder =
      model::RemoteEmbedder::connect(settings.embedding.model, settings.remote_embedder,
                                     settings.embedder_policies, std::move(observe), clock);
  if (!embedder) return forward_error(embedder);
  LoadedEmbedder loaded;
  if (instruments) {
    loaded.breaker = instruments->breakers.add(
        kUpstream, [&remote = **embedder] { return remote.breaker_status(); });
  }
  loaded.embedder = std::move(*embedder);
  return loaded;
}

} // namespace

Result<LoadedEmbedder> load_embedder(const Settings& settings,
                                     const std::filesystem::path& data_folder,
                                     Instruments* instruments, const Clock& clock) {
  if (settings.embedding.provider == EmbeddingProvider::kOpenAi) {
    return connect_remote(settings, instruments, clock);
  }
  return load_local(settings, data_folder, clock);
}

} // namespace raglan::app

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
  return LoadedEmbedder{.embedder = std::move(*embedder)};
}

Result<LoadedEmbedder> connect_remote(const Settings& settings, Instruments* instruments,
                                      const redis::Fleet* fleet, const Clock& clock) {
  model::ProviderPolicies policies = settings.embedder_policies;
  policies.nodes = count_nodes(fleet);
  model::RemoteEmbedder::Observer observe;
  if (instruments) observe = observe_upstream(instruments->metrics, kUpstream);
  auto embedder = model::RemoteEmbedder::connect(settings.embedding.model, settings.remote_embedder,
                                                 policies, std::move(observe), clock);
  if (!embedder) return forward_error(embedder);
  LoadedEmbedder loaded;
  if (instruments) {
    loaded.breaker = instruments->breakers.add(
        kUpstream, [&remote = **embedder] { return remote.breaker_status(); });
    loaded.quota = register_quota_metrics(instruments->metrics, kUpstream,
                                          [&remote = **embedder] { return remote.quota_status(); });
  }
  loaded.embedder = std::move(*embedder);
  return loaded;
}

} // namespace

Result<LoadedEmbedder> load_embedder(const Settings& settings,
                                     const std::filesystem::path& data_folder,
                                     Instruments* instruments, const redis::Fleet* fleet,
                                     const Clock& clock) {
  if (settings.embedding.provider == EmbeddingProvider::kOpenAi) {
    return connect_remote(settings, instruments, fleet, clock);
  }
  return load_local(settings, data_folder, clock);
}

} // namespace raglan::app

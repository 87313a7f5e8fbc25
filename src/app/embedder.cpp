#include "app/embedder.h"

#include <utility>

#include "app/model_path.h"

namespace raglan::app {
namespace {

constexpr std::string_view kUpstream = "embedding";

Result<LoadedEmbedder> load_local(const Settings& settings,
                                  const std::filesystem::path& data_folder, const Clock& clock) {
  auto folder = find_model(settings.embedding.model, data_folder);
  if (!folder) return forward_error(folder);
  auto embedder = model::LocalEmbedder::load(*folder, settings.embedder, clock);
  if (!embedder) return forward_error(embedder);
  return LoadedEmbedder{std::move(*embedder), {}};
}

model::RemoteEmbedder::Observer observe_upstream(telemetry::MetricRegistry& metrics) {
  auto& requests = metrics.counters(
      "raglan_upstream_requests_total",
      "Requests to an upstream, by status or by how they ended without one.", {"upstream", "code"});
  auto& durations = metrics.histograms("raglan_upstream_request_duration_seconds",
                                       "How long an upstream took to answer.", {"upstream"});
  return [&](std::string_view code, Duration took) {
    requests.with(kUpstream, code).add();
    durations.with(kUpstream).observe(took);
  };
}

telemetry::Registration register_breaker(telemetry::MetricRegistry& metrics,
                                         const model::RemoteEmbedder& embedder) {
  return metrics.callback(
      telemetry::MetricKind::kGauge, "raglan_breaker_state",
      "A circuit breaker: 0 closed, 1 open, 2 half-open.", {{"upstream", std::string(kUpstream)}},
      [&embedder] { return static_cast<double>(embedder.breaker_status().state); });
}

Result<LoadedEmbedder> connect_remote(const Settings& settings, telemetry::MetricRegistry* metrics,
                                      const Clock& clock) {
  auto embedder = model::RemoteEmbedder::connect(
      settings.embedding.model, settings.remote_embedder, settings.embedder_policies,
      metrics ? observe_upstream(*metrics) : model::RemoteEmbedder::Observer(), clock);
  if (!embedder) return forward_error(embedder);
  LoadedEmbedder loaded;
  if (metrics) loaded.registrations.push_back(register_breaker(*metrics, **embedder));
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

#include "app/generator.h"

#include "app/upstream_metrics.h"

namespace raglan::app {

ConnectedGenerator connect_generator(const Settings& settings, telemetry::MetricRegistry& metrics,
                                     net::EventLoops& loops, const Clock& clock) {
  constexpr std::string_view kUpstream = "generation";
  if (settings.generation.provider == GenerationProvider::kExtractive) return {};
  ConnectedGenerator connected;
  connected.generator = std::make_unique<model::RemoteGenerator>(
      settings.generator, settings.generator_policies, loops, observe_upstream(metrics, kUpstream),
      clock);
  const auto& generator = *connected.generator;
  connected.registrations.push_back(
      register_breaker(metrics, kUpstream, [&generator] { return generator.breaker_status(); }));
  return connected;
}

} // namespace raglan::app

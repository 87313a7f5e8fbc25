#include "app/generator.h"

#include <string>
#include <utility>

#include "app/upstream_metrics.h"
#include "base/rng.h"
#include "model/generator_chain.h"
#include "model/remote_generator.h"

namespace raglan::app {

ConnectedGenerator connect_generator(const Settings& settings, Instruments& instruments,
                                     net::EventLoops& loops, const Clock& clock) {
  if (settings.generation.provider == GenerationProvider::kExtractive) return {};
  ConnectedGenerator connected;
  const auto connect = [&](const model::RemoteGeneratorConfig& config, const std::string& name) {
    auto generator = std::make_unique<model::RemoteGenerator>(
        config, settings.generator_policies, loops, observe_upstream(instruments.metrics, name),
        clock);
    connected.breakers.push_back(
        instruments.breakers.add(name, [&remote = *generator] { return remote.breaker_status(); }));
    return generator;
  };
  auto first = connect(settings.generator, "generation");
  if (settings.fallbacks.empty()) {
    connected.generator = std::move(first);
    return connected;
  }
  std::vector<model::GeneratorChain::Link> links;
  links.push_back({std::move(first), settings.generator.weight});
  for (const model::RemoteGeneratorConfig& config : settings.fallbacks) {
    const std::string name = "generation.fallback." + std::to_string(links.size() - 1);
    links.push_back({connect(config, name), config.weight});
  }
  connected.generator = std::make_unique<model::GeneratorChain>(settings.generation.order,
                                                                std::move(links), random_seed());
  return connected;
}

} // namespace raglan::app

#include "app/generator.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "app/upstream_metrics.h"
#include "base/log.h"
#include "base/rng.h"
#include "model/generator_chain.h"
#include "model/hedged_generator.h"
#include "model/remote_generator.h"

namespace raglan::app {

namespace {

constexpr std::string_view kLog = "llm.log";

// As a provider like any other, but for one thing: it may read a long prompt before its first word,
// and says nothing meanwhile.
model::RemoteGeneratorConfig config_of(const LocalLlm& local, const LocalLlmConfig& settings,
                                       model::RemoteGeneratorConfig config) {
  config.base_url = local.base_url;
  config.api_key = local.api_key;
  config.model = local.model;
  config.traits = {.max_context_tokens = local.context_tokens, .needs_example = true};
  config.id = local.model + ":local";
  config.timeout = config.stall_timeout = settings.timeout;
  return config;
}

Result<> start_local(const Settings& settings, const std::filesystem::path& data_folder,
                     Instruments& instruments, const Clock& clock, ConnectedGenerator& connected) {
  auto installed = find_llm(settings.local_llm.folder, data_folder);
  if (!installed) return forward_error(installed);
  std::error_code ignored; // the store says what is wrong with the folder
  std::filesystem::create_directories(data_folder, ignored);
  connected.supervisor = std::make_unique<supervisor::Supervisor>(instruments.metrics, clock);
  auto started =
      LocalLlm::start(*installed, settings.local_llm, *connected.supervisor, data_folder / kLog);
  if (!started) return forward_error(started);
  connected.local = std::move(*started);
  return {};
}

} // namespace

Result<ConnectedGenerator> connect_generator(const Settings& settings,
                                             const std::filesystem::path& data_folder,
                                             Instruments& instruments, net::EventLoops& loops,
                                             const redis::Fleet* fleet, const Clock& clock) {
  ConnectedGenerator connected;
  if (settings.generation.provider == GenerationProvider::kExtractive) return connected;
  model::RemoteGeneratorConfig main = settings.generator;
  if (settings.generation.provider == GenerationProvider::kLocal) {
    auto ok = start_local(settings, data_folder, instruments, clock, connected);
    if (!ok) return forward_error(ok);
    main = config_of(*connected.local, settings.local_llm, std::move(main));
  }
  model::ProviderPolicies policies = settings.generator_policies;
  policies.nodes = count_nodes(fleet);
  const auto keep = [&connected](std::vector<telemetry::Registration> metrics) {
    std::ranges::move(std::move(metrics), std::back_inserter(connected.metrics));
  };
  const auto connect = [&](const model::RemoteGeneratorConfig& config,
                           const std::string& name) -> std::unique_ptr<model::Generator> {
    auto generator = std::make_unique<model::RemoteGenerator>(
        config, policies, loops,
        model::RemoteGenerator::Observer{observe_upstream(instruments.metrics, name),
                                         count_tokens(instruments.metrics, name, config.model)},
        clock);
    const auto quota = [&remote = *generator] { return remote.quota_status(); };
    keep(register_quota_metrics(instruments.metrics, name, quota));
    connected.breakers.push_back(
        instruments.breakers.add(name, [&remote = *generator] { return remote.breaker_status(); }));
    if (!settings.hedge.enabled) return generator;
    auto hedged =
        std::make_unique<model::HedgedGenerator>(std::move(generator), settings.hedge, clock);
    const auto hedges = [&hedger = *hedged] { return hedger.status(); };
    keep(register_hedge_metrics(instruments.metrics, name, hedges));
    return hedged;
  };
  auto first = connect(main, "generation");
  if (settings.fallbacks.empty()) {
    connected.generator = std::move(first);
    return connected;
  }
  std::vector<model::GeneratorChain::Link> links;
  links.push_back({std::move(first), main.weight});
  for (const model::RemoteGeneratorConfig& config : settings.fallbacks) {
    const std::string name = "generation.fallback." + std::to_string(links.size() - 1);
    links.push_back({connect(config, name), config.weight});
  }
  connected.generator = std::make_unique<model::GeneratorChain>(settings.generation.order,
                                                                std::move(links), random_seed());
  return connected;
}

void await_local_model(const ConnectedGenerator& connected) {
  if (!connected.supervisor) return;
  const auto ready = connected.supervisor->wait_until_ready(LocalLlm::kChild, kLocalPatience);
  if (!ready) {
    log_warning("the local language model is not ready, answers are the passages until it is",
                {{"code", error_code_name(ready.error().code)}});
  }
}

} // namespace raglan::app

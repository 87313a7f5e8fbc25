// The language models that the settings name, with their metrics.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "app/instruments.h"
#include "app/local_llm.h"
#include "app/settings.h"
#include "model/generator.h"
#include "redis/fleet.h"

namespace raglan::app {

struct ConnectedGenerator {
  std::optional<LocalLlm> local;                      // a model on this machine, and
  std::unique_ptr<supervisor::Supervisor> supervisor; // who keeps it running
  std::unique_ptr<model::Generator> generator;        // null: the settings name none
  std::vector<node::BreakerBoard::Place> breakers;    // go before it, as these
  std::vector<telemetry::Registration> metrics;       // likewise
};

// Makes no call. A model on this machine is started, and not waited for; its log is in the data
// folder. The generator belongs to the loops, and goes before them. Errors: of find_llm and
// LocalLlm::start.
Result<ConnectedGenerator> connect_generator(const Settings& settings,
                                             const std::filesystem::path& data_folder,
                                             Instruments& instruments, net::EventLoops& loops,
                                             const redis::Fleet* fleet, const Clock& clock);

// Blocks until a model on this machine is ready, or is given up, or has not come within
// kLocalPatience: answers are the passages until it does. A log line says so.
inline constexpr std::chrono::seconds kLocalPatience{60};
void await_local_model(const ConnectedGenerator& connected);

} // namespace raglan::app

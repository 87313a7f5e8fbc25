// The language models that the settings name, with their metrics.
#pragma once

#include <memory>
#include <vector>

#include "app/settings.h"
#include "model/generator.h"
#include "telemetry/metric_registry.h"

namespace raglan::app {

struct ConnectedGenerator {
  std::unique_ptr<model::Generator> generator;        // null: the settings name none
  std::vector<telemetry::Registration> registrations; // must not outlive the generator
};

// Makes no call. The generator belongs to the loops, and goes before them.
ConnectedGenerator connect_generator(const Settings& settings, telemetry::MetricRegistry& metrics,
                                     net::EventLoops& loops, const Clock& clock);

} // namespace raglan::app

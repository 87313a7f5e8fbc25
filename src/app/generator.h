// The language models that the settings name, with their metrics.
#pragma once

#include <memory>
#include <vector>

#include "app/instruments.h"
#include "app/settings.h"
#include "model/generator.h"

namespace raglan::app {

struct ConnectedGenerator {
  std::unique_ptr<model::Generator> generator;     // null: the settings name none
  std::vector<node::BreakerBoard::Place> breakers; // go before it
};

// Makes no call. The generator belongs to the loops, and goes before them.
ConnectedGenerator connect_generator(const Settings& settings, Instruments& instruments,
                                     net::EventLoops& loops, const Clock& clock);

} // namespace raglan::app

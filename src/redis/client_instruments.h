// What a client is measured by, beside its own counts (ClientStats). Each may be null, and must
// outlive the client.
#pragma once

#include "telemetry/family.h"
#include "telemetry/histogram.h"

namespace raglan::redis {

struct ClientInstruments {
  telemetry::Histogram* wait_seconds = nullptr; // how long each command waited for a connection
  // By server: commands sent to it, and those of them without an answer.
  telemetry::Family<telemetry::Counter, 1>* commands = nullptr;
  telemetry::Family<telemetry::Counter, 1>* failures = nullptr;
};

} // namespace raglan::redis

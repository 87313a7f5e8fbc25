// How much a host has to do for its size: what strategies compare.
#pragma once

#include "policy/load_balancing.h"

namespace raglan::policy {

// Requests in flight per weight.
inline double relative_load(const HostLoad& host) { return host.in_flight / host.weight; }

} // namespace raglan::policy

// The part of Envoy's bootstrap that is about the nodes: the one entry of `clusters`.
//
// Thread safety: pure.
#pragma once

#include "export/fleet.h"
#include "export/text.h"

namespace raglan::exporting {

void add_envoy_cluster(Text& text, const Fleet& fleet);

} // namespace raglan::exporting

// One function for each target, in a file of its name. Each is given a fleet that passed `check`.
//
// Thread safety: pure.
#pragma once

#include <string>

#include "export/fleet.h"

namespace raglan::exporting {

std::string render_nginx(const Fleet& fleet);
std::string render_haproxy(const Fleet& fleet);
std::string render_envoy(const Fleet& fleet);
std::string render_traefik(const Fleet& fleet);
std::string render_kong(const Fleet& fleet);
std::string render_aws_alb(const Fleet& fleet);
std::string render_gcp(const Fleet& fleet);
std::string render_render(const Fleet& fleet);
std::string render_railway(const Fleet& fleet);

} // namespace raglan::exporting

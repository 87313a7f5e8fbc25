// The environment as a source of settings: RAGLAN_CACHE__QUERY__TTL is cache.query.ttl.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace raglan::config {

// "cache.query.ttl" -> "RAGLAN_CACHE__QUERY__TTL".
std::string environment_name(std::string_view key);

// The variables of `environment` (as in environ: null-terminated) whose names begin with RAGLAN_.
std::map<std::string, std::string> raglan_variables(const char* const* environment);

// Whether Kubernetes made this variable, unasked, for a Service called raglan or raglan-something:
// RAGLAN_SERVICE_HOST, RAGLAN_PORT_8080_TCP_ADDR and so on. Those are not settings, and a pod must
// not fail to start because of them.
bool is_kubernetes_service_variable(std::string_view name, std::string_view value);

} // namespace raglan::config

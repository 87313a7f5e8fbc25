#include "config/environment.h"

namespace raglan::config {
namespace {

constexpr std::string_view kPrefix = "RAGLAN_";

} // namespace

std::string environment_name(std::string_view key) {
  std::string name(kPrefix);
  for (const char c : key) {
    if (c == '.') {
      name += "__";
    } else {
      name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
  }
  return name;
}

std::map<std::string, std::string> raglan_variables(const char* const* environment) {
  std::map<std::string, std::string> variables;
  for (; *environment != nullptr; ++environment) {
    const std::string_view entry = *environment;
    const std::size_t equals = entry.find('=');
    if (!entry.starts_with(kPrefix) || equals == std::string_view::npos) continue;
    variables.emplace(entry.substr(0, equals), entry.substr(equals + 1));
  }
  return variables;
}

bool is_kubernetes_service_variable(std::string_view name, std::string_view value) {
  // A key always has a section, hence "__", which a Service's name cannot give.
  if (name.contains("__")) return false;
  if (name.ends_with("_SERVICE_HOST") || name.contains("_SERVICE_PORT")) return true;
  // What remains are the links of Docker: _PORT=tcp://…, _PORT_80_TCP=tcp://…, _PORT_80_TCP_ADDR=….
  if (name.contains("_PORT_") && (name.contains("_TCP") || name.contains("_UDP"))) return true;
  return name.ends_with("_PORT") && value.contains("://");
}

} // namespace raglan::config

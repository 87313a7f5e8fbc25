#include "export/target.h"

#include "export/renderers.h"

namespace raglan::exporting {
namespace {

constexpr NamedTarget kTargets[] = {
    {Target::kNginx, "nginx", "raglan.conf"},      {Target::kHaproxy, "haproxy", "raglan.cfg"},
    {Target::kEnvoy, "envoy", "envoy.yaml"},       {Target::kTraefik, "traefik", "raglan.yaml"},
    {Target::kKong, "kong", "kong.yaml"},          {Target::kAwsAlb, "aws-alb", "raglan-alb.yaml"},
    {Target::kGcp, "gcp", "raglan-gcp.yaml"},      {Target::kRender, "render", "render.yaml"},
    {Target::kRailway, "railway", "railway.toml"},
};

std::string render_checked(Target target, const Fleet& fleet) {
  switch (target) {
    case Target::kNginx: return render_nginx(fleet);
    case Target::kHaproxy: return render_haproxy(fleet);
    case Target::kEnvoy: return render_envoy(fleet);
    case Target::kTraefik: return render_traefik(fleet);
    case Target::kKong: return render_kong(fleet);
    case Target::kAwsAlb: return render_aws_alb(fleet);
    case Target::kGcp: return render_gcp(fleet);
    case Target::kRender: return render_render(fleet);
    case Target::kRailway: return render_railway(fleet);
  }
  return {};
}

} // namespace

std::span<const NamedTarget> targets() { return kTargets; }

std::string_view target_name(Target target) {
  for (const auto& named : kTargets) {
    if (named.target == target) return named.name;
  }
  return "?";
}

std::optional<Target> target_from_name(std::string_view name) {
  for (const auto& named : kTargets) {
    if (named.name == name) return named.target;
  }
  return std::nullopt;
}

Result<std::string> render(Target target, const Fleet& fleet) {
  if (auto ok = check(fleet); !ok) return forward_error(ok);
  return render_checked(target, fleet);
}

} // namespace raglan::exporting

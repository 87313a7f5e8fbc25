#include "node/degradation_routes.h"

#include <boost/json/object.hpp>

#include "base/json_text.h"
#include "node/json_fields.h"
#include "node/request_scope.h"

namespace raglan::node {
namespace json = boost::json;
namespace {

using policy::DegradationMode;

constexpr std::initializer_list<std::string_view> kModes{"auto", "manual"}; // of DegradationMode

json::object degradation_json(const policy::DegradationStatus& status) {
  json::object tiers;
  for (const policy::Tier tier : {policy::Tier::kVip, policy::Tier::kPaid, policy::Tier::kFree}) {
    tiers[policy::tier_name(tier)] = policy::effective_level(status.level, tier);
  }
  return {{"mode", status.mode == DegradationMode::kAuto ? "auto" : "manual"},
          {"level", status.level},
          {"tiers", std::move(tiers)},
          {"queue_delay_ms", to_milliseconds(status.smoothed_delay)},
          {"raised", status.raised},
          {"lowered", status.lowered}};
}

json::object admission_json(const net::AdmissionGate::Status& status) {
  json::object waiting;
  for (const policy::Tier tier : policy::kAllTiers) {
    waiting[policy::tier_name(tier)] = status.waiting[policy::index_of(tier)];
  }
  return {{"limit", status.limit.limit},
          {"in_flight", status.limit.in_flight},
          {"waiting", std::move(waiting)}};
}

http::Response look(rag::Overload& overload) {
  json::object body = degradation_json(overload.degradation());
  json::object admission;
  for (const auto work : rag::Overload::kAllWork) {
    admission[rag::Overload::work_name(work)] = admission_json(overload.admission(work));
  }
  body["admission"] = std::move(admission);
  return http::json_response(200, json_text(body));
}

struct Wanted {
  DegradationMode mode = DegradationMode::kAuto;
  int level = 0;
};

Result<Wanted> parse_wanted(std::string_view text) {
  const auto body = parse_json_body(text);
  if (!body) return std::unexpected(body.error());
  JsonFields fields(*body, "");
  Wanted wanted;
  if (fields.value("mode") == nullptr) fields.reject("mode", "must be auto or manual");
  wanted.mode = static_cast<DegradationMode>(fields.choice("mode", kModes, 0));
  const auto level = fields.optional_integer("level", 0, policy::kMaxControllerLevel);
  const bool manual = wanted.mode == DegradationMode::kManual;
  if (manual && !level) fields.reject("level", "must say which level");
  if (!manual && level) fields.reject("level", "is found by the node itself in this mode");
  if (auto ok = fields.finish(); !ok) return forward_error(ok);
  wanted.level = static_cast<int>(level.value_or(0));
  return wanted;
}

} // namespace

void add_degradation_routes(http::Router& router, rag::Overload& overload) {
  auto get = [&overload](http::Request&) -> net::Task<http::Response> { co_return look(overload); };
  auto put = [&overload](http::Request& request) -> net::Task<http::Response> {
    const auto wanted = parse_wanted(request.body);
    if (!wanted) co_return error_reply(wanted.error(), request);
    if (wanted->mode == DegradationMode::kManual) {
      overload.set_manual(wanted->level);
    } else {
      overload.set_auto();
    }
    co_return look(overload);
  };
  router.add("GET", "/admin/degradation", with_parameters({}, std::move(get)));
  router.add("PUT", "/admin/degradation", with_parameters({}, std::move(put)));
}

} // namespace raglan::node

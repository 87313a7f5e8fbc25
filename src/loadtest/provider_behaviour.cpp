#include "loadtest/provider_behaviour.h"

#include <boost/json/parse.hpp>

#include "base/json_text.h"

namespace raglan::loadtest {
namespace json = boost::json;
namespace {

constexpr std::string_view kSection = "provider";

} // namespace

void describe(config::Table<ProviderBehaviour>& table) {
  using B = ProviderBehaviour;
  using F = ProviderFault;
  const std::chrono::hours longest(1);
  table.field("latency", &B::latency, "of a call, before its answer begins").max(longest);
  table.field("parallel", &B::parallel, "calls that are worked on at a time; 0: all").max(100'000);
  table.field("token_delay", &B::token_delay, "between two tokens of a chat answer").max(longest);
  table.field("dimensions", &B::dimensions, "of a vector, unless a request names another number")
      .min(1)
      .max(16'384);
  table.field("max_batch_texts", &B::max_batch_texts, "of one call; more are answered 400").min(1);
  table.field("max_batch_tokens", &B::max_batch_tokens, "of one call; more are answered 400")
      .min(1);
  table.field("slow_every", &B::slow_every,
              "calls, of which the last takes slow_latency; 0 means never");
  table.field("slow_latency", &B::slow_latency, "of such a call, instead of latency").max(longest);
  table.field("error_every", &B::error_every, "calls, of which the last fails; 0 means never");
  table.field("error_status", &B::error_status, "of such a failure").min(400).max(599);
  table.field("reset_every", &B::reset_every,
              "calls, of which the last is reset in the middle of its answer; 0 means never");
  table
      .field("requests_per_second", &B::requests_per_second,
             "a token bucket's rate; beyond it calls are answered 429; 0 means no bucket")
      .min(0);
  table.field("request_burst", &B::request_burst, "the bucket's size").min(1);
  table.choice("fault", &B::fault, "what is broken",
               {{"none", F::kNone},
                {"hang", F::kHang},
                {"refuse", F::kRefuse},
                {"invalid_json", F::kInvalidJson},
                {"truncated", F::kTruncated},
                {"wrong_count", F::kWrongCount},
                {"wrong_dimension", F::kWrongDimension},
                {"not_finite", F::kNotFinite},
                {"wrong_index", F::kWrongIndex},
                {"shuffled", F::kShuffled}});
  table.field("api_key", &B::api_key, "that calls must bring; empty asks for none");
}

Result<ProviderBehaviour> with_settings(ProviderBehaviour behaviour,
                                        const std::vector<config::Override>& settings) {
  config::Registry registry;
  registry.add(kSection, behaviour, "");
  config::Sources sources;
  for (const config::Override& setting : settings) {
    sources.overrides.push_back(
        {fmt::format("{}.{}", kSection, setting.key), setting.value, setting.origin});
  }
  std::string wrong;
  for (const config::Problem& problem : registry.load(sources)) {
    wrong += wrong.empty() ? problem.text() : "; " + problem.text();
  }
  if (!wrong.empty()) return fail(ErrorCode::kInvalidField, std::move(wrong));
  return behaviour;
}

Result<std::vector<config::Override>> settings_of(const json::object& object) {
  std::vector<config::Override> settings;
  for (const auto& [name, value] : object) {
    if (value.is_object() || value.is_array() || value.is_null()) {
      return fail(ErrorCode::kInvalidField,
                  fmt::format("'{}' must be one value", std::string(name)));
    }
    const json::string* text = value.if_string();
    settings.push_back({name, text ? std::string(*text) : json_text(value), name});
  }
  return settings;
}

json::object behaviour_json(ProviderBehaviour behaviour) {
  config::Registry registry;
  registry.add(kSection, behaviour, "");
  json::object object;
  for (const config::Setting& setting : registry.settings()) {
    // Each is a number or a string of TOML, and so of JSON.
    boost::system::error_code failure;
    json::value value = json::parse(setting.value.value_or("null"), failure);
    object[setting.key] = failure ? json::value(*setting.value) : std::move(value);
  }
  return object;
}

} // namespace raglan::loadtest

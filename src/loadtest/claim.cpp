#include "loadtest/claim.h"

#include <cmath>

#include <fmt/format.h>

namespace raglan::loadtest {

std::string_view verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPass: return "pass";
    case Verdict::kFail: return "fail";
    case Verdict::kNotMeasurable: break;
  }
  return "not_measurable";
}

Verdict judge(const Promise& promise, double judged) {
  if (std::isnan(judged)) return Verdict::kFail;
  if (promise.min) return judged >= *promise.min ? Verdict::kPass : Verdict::kFail;
  return !promise.max || judged <= *promise.max ? Verdict::kPass : Verdict::kFail;
}

Row make_row(const Claim& claim, Result<Outcome> outcome, double seconds) {
  Row row{.id = claim.id, .claim = claim.text, .promise = claim.promise, .seconds = seconds};
  if (outcome) {
    row.verdict = judge(claim.promise, outcome->judged);
    row.outcome = std::move(*outcome);
  } else {
    row.reason = std::move(outcome.error().message);
  }
  return row;
}

std::string with_unit(double value, std::string_view unit) {
  const bool close = unit == "x" || unit == "%";
  return fmt::format("{}{}{}", figure_text(value), close ? "" : " ", unit);
}

std::string promise_text(const Promise& promise) {
  const auto text = [&](double value) { return with_unit(value, promise.unit); };
  if (!promise.min) return promise.max ? fmt::format("≤ {}", text(*promise.max)) : "";
  if (!promise.max) return fmt::format("≥ {}", text(*promise.min));
  return fmt::format("≥ {} (hoped for: {})", text(*promise.min), text(*promise.max));
}

} // namespace raglan::loadtest

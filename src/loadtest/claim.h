// A claim of the scaling notes, as a value: what is promised, and the function that measures it
// with the feature off and on.
//
//   Claim cache_query_latency() { return {.id = "cache.query.latency", …, .measure = measure}; }
//
// Each claim is one file; loadtest/claims.cpp lists them.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "loadtest/statistics.h"

namespace raglan::loadtest {

class Rig;

// What the judged figure must be. With `min`, at least that: `max` beside it is what the notes
// hope for, and more is no failure. With `max` alone, at most that.
struct Promise {
  std::optional<double> min;
  std::optional<double> max;
  std::string_view unit; // of the judged figure: "x" is a ratio
};

struct Series {
  std::string name;
  std::vector<std::pair<double, double>> points; // in the order of x
};

struct Plot {
  std::string title;
  std::string x_axis;
  std::string y_axis;
  std::vector<Series> series;
};

struct Outcome {
  std::string off_is; // what was off, and how, in words
  std::string on_is;
  Figure off;
  Figure on;
  std::string_view unit; // of both
  double ratio = 0;      // how much better on is; infinite when nothing is left of off
  double judged = 0;     // what the promise is about
  std::string notes;     // what else there is to know: how often, of what, beside what
  std::vector<Plot> plots;
};

struct Claim {
  std::string_view id; // stable: scripts name it
  std::string_view text;
  Promise promise;
  // The error says why it cannot be measured here.
  std::function<Result<Outcome>(Rig&)> measure;
};

enum class Verdict { kPass, kFail, kNotMeasurable };
std::string_view verdict_name(Verdict verdict); // "pass", "fail", "not_measurable"
// A figure that is not a number fails.
Verdict judge(const Promise& promise, double judged);

// A claim, measured or not.
struct Row {
  std::string_view id;
  std::string_view claim;
  Promise promise;
  std::optional<Outcome> outcome;
  std::string reason; // without an outcome
  Verdict verdict = Verdict::kNotMeasurable;
  double seconds = 0; // that measuring it took
};
Row make_row(const Claim& claim, Result<Outcome> outcome, double seconds);

// "10x", "80%", "100 ms".
std::string with_unit(double value, std::string_view unit);
// "≥ 10x (hoped for: 100x)", "≤ 100 ms".
std::string promise_text(const Promise& promise);

} // namespace raglan::loadtest

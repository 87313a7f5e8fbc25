// Prometheus' text format, version 0.0.4: names, escaping and numbers.
// https://prometheus.io/docs/instrumenting/exposition_formats/
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "telemetry/histogram.h"

namespace raglan::telemetry {

enum class MetricKind { kCounter, kGauge, kHistogram };

using Labels = std::vector<std::pair<std::string, std::string>>;

bool is_metric_name(std::string_view name);
bool is_label_name(std::string_view name);

// Appends lines to one text. A metric's series follow its header; the caller keeps them together.
class Exposition {
 public:
  void header(std::string_view name, std::string_view help, MetricKind kind);
  void sample(std::string_view name, const Labels& labels, double value);
  void sample(std::string_view name, const Labels& labels, std::uint64_t value);
  void histogram(std::string_view name, const Labels& labels, const HistogramSnapshot& snapshot);

  std::string take() { return std::move(text_); }

 private:
  // `label` is what stands before the closing brace.
  void line(std::string_view name, std::string_view suffix, std::string_view label,
            std::string_view value);

  std::string text_;
};

} // namespace raglan::telemetry

#include "telemetry/exposition.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace raglan::telemetry {
namespace {

bool is_name(std::string_view name, bool colons) {
  const auto fits = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (colons && c == ':');
  };
  return !name.empty() && (name.front() < '0' || name.front() > '9') &&
         std::ranges::all_of(name, fits);
}

std::string escaped(std::string_view text, bool quotes) {
  std::string result;
  result.reserve(text.size());
  for (const char c : text) {
    if (c == '\n') {
      result += "\\n";
    } else {
      if (c == '\\' || (quotes && c == '"')) result += '\\';
      result += c;
    }
  }
  return result;
}

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::to_string(value);
}

std::string_view kind_name(MetricKind kind) {
  switch (kind) {
    case MetricKind::kCounter: return "counter";
    case MetricKind::kGauge: return "gauge";
    case MetricKind::kHistogram: break;
  }
  return "histogram";
}

} // namespace

bool is_metric_name(std::string_view name) { return is_name(name, true); }

bool is_label_name(std::string_view name) {
  // "le" is a histogram's own, "__" is Prometheus' own.
  return is_name(name, false) && name != "le" && !name.starts_with("__");
}

void Exposition::header(std::string_view name, std::string_view help, MetricKind kind) {
  text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, escaped(help, false), name,
                       kind_name(kind));
}

void Exposition::sample(std::string_view name, const Labels& labels, double value) {
  line(name, "", labels, "", number(value));
}

void Exposition::sample(std::string_view name, const Labels& labels, std::uint64_t value) {
  line(name, "", labels, "", fmt::to_string(value));
}

void Exposition::histogram(std::string_view name, const Labels& labels,
                           const HistogramSnapshot& snapshot) {
  std::uint64_t cumulative = 0;
  for (std::size_t i = 0; i < snapshot.counts.size(); ++i) {
    cumulative += snapshot.counts[i];
    const std::string bound = i < snapshot.bounds.size() ? number(snapshot.bounds[i]) : "+Inf";
    line(name, "_bucket", labels, bound, fmt::to_string(cumulative));
  }
  line(name, "_sum", labels, "", number(snapshot.sum));
  line(name, "_count", labels, "", fmt::to_string(cumulative));
}

void Exposition::line(std::string_view name, std::string_view suffix, const Labels& labels,
                      std::string_view bound, std::string_view value) {
  text_ += name;
  text_ += suffix;
  char separator = '{';
  const auto label = [&](std::string_view label_name, std::string_view label_value) {
    text_ += separator;
    text_ += label_name;
    text_ += "=\"";
    text_ += escaped(label_value, true);
    text_ += '"';
    separator = ',';
  };
  for (const auto& [label_name, label_value] : labels) label(label_name, label_value);
  if (!bound.empty()) label("le", bound);
  if (separator == ',') text_ += '}';
  text_ += ' ';
  text_ += value;
  text_ += '\n';
}

} // namespace raglan::telemetry

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

void append_escaped(std::string& out, std::string_view text, bool quotes) {
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
    } else {
      if (c == '\\' || (quotes && c == '"')) out += '\\';
      out += c;
    }
  }
}

// {a="b",c="d", without the closing brace; empty without labels.
std::string label_text(const Labels& labels) {
  std::string text;
  for (const auto& [name, value] : labels) {
    text += text.empty() ? '{' : ',';
    text += name;
    text += "=\"";
    append_escaped(text, value, true);
    text += '"';
  }
  return text;
}

void append_number(std::string& out, std::uint64_t value) {
  const fmt::format_int digits(value);
  out.append(digits.data(), digits.size());
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
  text_ += fmt::format("# HELP {} ", name);
  append_escaped(text_, help, false);
  text_ += fmt::format("\n# TYPE {} {}\n", name, kind_name(kind));
}

void Exposition::sample(std::string_view name, const Labels& labels, double value) {
  line(name, "", label_text(labels), number(value));
}

void Exposition::sample(std::string_view name, const Labels& labels, std::uint64_t value) {
  line(name, "", label_text(labels), fmt::to_string(value));
}

void Exposition::histogram(std::string_view name, const Labels& labels,
                           const HistogramSnapshot& snapshot) {
  const std::string label = label_text(labels); // once, for dozens of lines
  std::uint64_t cumulative = 0;
  for (std::size_t i = 0; i < snapshot.counts.size(); ++i) {
    cumulative += snapshot.counts[i];
    text_ += name;
    text_ += "_bucket";
    text_ += label;
    text_ += label.empty() ? "{le=\"" : ",le=\"";
    text_ += i < snapshot.bounds.size() ? number(snapshot.bounds[i]) : "+Inf";
    text_ += "\"} ";
    append_number(text_, cumulative);
    text_ += '\n';
  }
  line(name, "_sum", label, number(snapshot.sum));
  line(name, "_count", label, fmt::to_string(cumulative));
}

void Exposition::line(std::string_view name, std::string_view suffix, std::string_view label,
                      std::string_view value) {
  text_ += name;
  text_ += suffix;
  text_ += label;
  text_ += label.empty() ? " " : "} ";
  text_ += value;
  text_ += '\n';
}

} // namespace raglan::telemetry

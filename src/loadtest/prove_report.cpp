#include "loadtest/prove_report.h"

#include <cmath>

#include <fmt/format.h>
#include <boost/json/array.hpp>

namespace raglan::loadtest {
namespace json = boost::json;
namespace {

json::value number_or_null(const std::optional<double>& number) {
  return number && std::isfinite(*number) ? json::value(*number) : json::value(nullptr);
}

json::array plots_json(const std::vector<Plot>& plots) {
  json::array array;
  for (const Plot& plot : plots) {
    json::array all;
    for (const Series& series : plot.series) {
      json::array points;
      for (const auto& [x, y] : series.points) {
        points.push_back(json::array{number_or_null(x), number_or_null(y)});
      }
      all.push_back(json::object{{"name", series.name}, {"points", std::move(points)}});
    }
    array.push_back(json::object{
        {"title", plot.title}, {"x", plot.x_axis}, {"y", plot.y_axis}, {"series", std::move(all)}});
  }
  return array;
}

json::array spread_json(const Figure& figure) {
  return {number_or_null(figure.least), number_or_null(figure.most)};
}

json::object row_json(const Row& row) {
  json::object object{{"id", row.id}, {"claim", row.claim}};
  object["promise"] = json::object{{"min", number_or_null(row.promise.min)},
                                   {"max", number_or_null(row.promise.max)},
                                   {"unit", row.promise.unit}};
  const auto* outcome = row.outcome ? &*row.outcome : nullptr;
  object["off"] = outcome ? number_or_null(outcome->off.median) : nullptr;
  object["on"] = outcome ? number_or_null(outcome->on.median) : nullptr;
  object["ratio"] = outcome ? number_or_null(outcome->ratio) : nullptr;
  object["result"] = verdict_name(row.verdict);
  object["seconds"] = number_or_null(row.seconds);
  if (outcome == nullptr) {
    object["reason"] = row.reason;
    return object;
  }
  object["judged"] = number_or_null(outcome->judged);
  object["unit"] = outcome->unit;
  object["off_is"] = outcome->off_is;
  object["on_is"] = outcome->on_is;
  object["spread"] =
      json::object{{"off", spread_json(outcome->off)}, {"on", spread_json(outcome->on)}};
  object["notes"] = outcome->notes;
  object["plots"] = plots_json(outcome->plots);
  return object;
}

} // namespace

json::object prove_json(const ProveSetting& setting, const std::vector<Row>& rows) {
  json::array array;
  for (const Row& row : rows) array.push_back(row_json(row));
  return {{"machine",
           {{"cpu", setting.cpu},
            {"cores", setting.cores},
            {"memory_bytes", setting.memory_bytes},
            {"system", setting.system},
            {"load_average", number_or_null(setting.load_average)},
            {"measured_at", setting.measured_at},
            {"version", setting.version}}},
          {"data",
           {{"documents", setting.documents},
            {"questions", setting.questions},
            {"seed", setting.seed},
            {"quick", setting.quick}}},
          {"rows", std::move(array)}};
}

std::string prove_table(const ProveSetting& setting, const std::vector<Row>& rows) {
  std::string table = fmt::format(
      "raglan {} on {} ({} cores, {:.0f} GB, load {:.1f}), {}\n"
      "{} documents, {} distinct questions, seed {}{}\n\n",
      setting.version, setting.cpu, setting.cores, static_cast<double>(setting.memory_bytes) / 1e9,
      setting.load_average, setting.measured_at, setting.documents, setting.questions, setting.seed,
      setting.quick ? ", quick" : "");
  constexpr std::string_view kLine = "{:34} {:>9} {:>9} {:<19} {:>8}  {:>20}  {:<26} {}\n";
  table += fmt::format(kLine, "", "off", "on", "", "ratio", "judged", "promise", "");
  for (const Row& row : rows) {
    if (!row.outcome) {
      table += fmt::format("{:34} not measurable: {}\n", row.id, row.reason);
      continue;
    }
    const Outcome& outcome = *row.outcome;
    table += fmt::format(kLine, row.id, figure_text(outcome.off.median),
                         figure_text(outcome.on.median), outcome.unit, figure_text(outcome.ratio),
                         with_unit(outcome.judged, row.promise.unit), promise_text(row.promise),
                         row.verdict == Verdict::kPass ? "pass" : "FAIL");
  }
  for (const Row& row : rows) {
    if (!row.outcome) continue;
    const Outcome& outcome = *row.outcome;
    table += fmt::format(
        "\n{}: {}\n  off: {} ({} to {})\n  on:  {} ({} to {})\n  {}\n", row.id, row.claim,
        outcome.off_is, figure_text(outcome.off.least), figure_text(outcome.off.most),
        outcome.on_is, figure_text(outcome.on.least), figure_text(outcome.on.most), outcome.notes);
  }
  return table;
}

} // namespace raglan::loadtest

#include <fmt/format.h>

#include "loadtest/prove_report.h"

namespace raglan::loadtest {
namespace {

constexpr std::string_view kHead = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>raglan prove</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:68rem;padding:0 1rem;color:#1c2530}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #d8dee6;vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
.pass{color:#11703c}.fail{color:#b3261e;font-weight:600}.not_measurable{color:#6b7684}
small,.muted{color:#5a6572}
section{margin:2.5rem 0}
svg{max-width:100%;height:auto}
svg text{font:12px system-ui,sans-serif;fill:#3b4652}
</style></head><body>
)";

std::string table_row(const Row& row) {
  const std::string_view verdict = verdict_name(row.verdict);
  std::string cells = fmt::format("<tr><td><a href=\"#{0}\">{0}</a><br><small>{1}</small></td>",
                                  html_escape(row.id), html_escape(row.claim));
  if (row.outcome) {
    const Outcome& outcome = *row.outcome;
    for (const double value : {outcome.off.median, outcome.on.median}) {
      cells += fmt::format("<td class=\"n\">{} <small>{}</small></td>", figure_text(value),
                           html_escape(outcome.unit));
    }
    cells +=
        fmt::format("<td class=\"n\">{}</td><td class=\"n\">{}</td>", figure_text(outcome.ratio),
                    html_escape(with_unit(outcome.judged, row.promise.unit)));
  } else {
    cells += fmt::format("<td colspan=\"4\">{}</td>", html_escape(row.reason));
  }
  return cells + fmt::format("<td>{}</td><td class=\"{}\">{}</td></tr>\n",
                             html_escape(promise_text(row.promise)), verdict,
                             verdict == "not_measurable" ? "not measurable" : verdict);
}

std::string section(const Row& row) {
  const Outcome& outcome = *row.outcome;
  std::string text = fmt::format(
      "<section id=\"{0}\"><h2>{0}</h2><p>{1}.</p>\n<ul><li>off: {2}: {3} {6} "
      "<span class=\"muted\">({4} to {5})</span></li>",
      html_escape(row.id), html_escape(row.claim), html_escape(outcome.off_is),
      figure_text(outcome.off.median), figure_text(outcome.off.least),
      figure_text(outcome.off.most), html_escape(outcome.unit));
  text += fmt::format(
      "<li>on: {}: {} {} <span class=\"muted\">({} to {})</span></li></ul>\n<p>{}</p>\n",
      html_escape(outcome.on_is), figure_text(outcome.on.median), html_escape(outcome.unit),
      figure_text(outcome.on.least), figure_text(outcome.on.most), html_escape(outcome.notes));
  for (const Plot& plot : outcome.plots) text += svg_plot(plot);
  return text + "</section>\n";
}

} // namespace

std::string html_escape(std::string_view text) {
  std::string safe;
  safe.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&': safe += "&amp;"; break;
      case '<': safe += "&lt;"; break;
      case '>': safe += "&gt;"; break;
      case '"': safe += "&quot;"; break;
      case '\'': safe += "&#39;"; break;
      default: safe += c;
    }
  }
  return safe;
}

std::string prove_html(const ProveSetting& setting, const std::vector<Row>& rows) {
  std::string page(kHead);
  page += fmt::format(
      "<h1>The scaling notes' claims, measured</h1>\n<p class=\"muted\">raglan {} on {}, {} cores, "
      "{:.0f} GB, {}; load average {:.1f} when it began; {}. {} documents, {} distinct questions, "
      "seed {}{}.</p>\n<table><tr><th>claim</th><th class=\"n\">off</th><th class=\"n\">on</th>"
      "<th class=\"n\">ratio</th><th class=\"n\">judged</th><th>promise</th><th></th></tr>\n",
      html_escape(setting.version), html_escape(setting.cpu), setting.cores,
      static_cast<double>(setting.memory_bytes) / 1e9, html_escape(setting.system),
      setting.load_average, html_escape(setting.measured_at), setting.documents, setting.questions,
      setting.seed, setting.quick ? ", quick" : "");
  for (const Row& row : rows) page += table_row(row);
  page +=
      "</table>\n<p class=\"muted\">Figures are medians of repetitions; in brackets the least "
      "and the most.</p>\n";
  for (const Row& row : rows) {
    if (row.outcome) page += section(row);
  }
  return page + "</body></html>\n";
}

} // namespace raglan::loadtest

// What `raglan prove` says: one JSON document for scripts, a table for people, a page with plots.
//
// Thread safe: functions of their arguments.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "loadtest/claim.h"

namespace raglan::loadtest {

// On which machine, from which documents.
struct ProveSetting {
  std::string version;
  std::string cpu;
  std::string system;
  int cores = 0;
  std::uint64_t memory_bytes = 0;
  std::string measured_at; // UTC
  double load_average = 0; // of the minute before: above 0.5 a core, others were measured as well
  std::uint64_t documents = 0;
  std::uint64_t questions = 0; // distinct
  std::uint64_t seed = 0;
  bool quick = false;
};

// {"machine": {…}, "rows": [{"id", "claim", "promise": {"min", "max", "unit"}, "off", "on",
// "ratio", "result", …}]}. Beside what every script may rely on a row has "judged", "unit", what
// was off and on, how far the repetitions lay apart, notes and plots; one that could not be
// measured has a "reason", and null for its figures. A ratio to nothing at all is null.
boost::json::object prove_json(const ProveSetting& setting, const std::vector<Row>& rows);

// Ends with a line break.
std::string prove_table(const ProveSetting& setting, const std::vector<Row>& rows);

// A page that needs no other file and no network.
std::string prove_html(const ProveSetting& setting, const std::vector<Row>& rows);

// A text as HTML content and in quoted attributes.
std::string html_escape(std::string_view text);
// A plot as an <svg> element: lines with a dot at each point, one colour a series, and a legend.
std::string svg_plot(const Plot& plot);

} // namespace raglan::loadtest

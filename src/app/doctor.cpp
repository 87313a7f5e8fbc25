// raglan doctor: whether this machine, the model and the data are fit for a node.
#include <algorithm>
#include <iterator>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "app/command_line.h"
#include "app/health_checks.h"
#include "app/upstream_checks.h"

namespace raglan::app {
namespace json = boost::json;
namespace {

std::string_view name_of(Health health) {
  switch (health) {
    case Health::kOk: return "ok";
    case Health::kWarning: return "warning";
    case Health::kFailed: break;
  }
  return "failed";
}

int doctor(const CommonOptions& options, bool as_json) {
  Settings settings;
  if (!load_settings(settings, options, {}, Logging::kCommand)) return kExitUsage;
  const std::filesystem::path data = options.data_folder;
  const ModelFinding model = check_model(settings, data);
  std::vector<Finding> findings = {check_machine(), model.finding, check_data_folder(data)};
  std::ranges::move(check_database(settings, data, model.id), std::back_inserter(findings));
  findings.push_back(check_listening(settings));
  std::ranges::move(check_generation(settings, data), std::back_inserter(findings));
  std::ranges::move(check_redis(settings), std::back_inserter(findings));
  std::ranges::move(check_warmup_list(settings), std::back_inserter(findings));
  bool failed = false;
  json::array array;
  for (const Finding& finding : findings) {
    failed = failed || finding.health == Health::kFailed;
    if (as_json) {
      array.push_back({{"subject", finding.subject},
                       {"health", name_of(finding.health)},
                       {"text", finding.text},
                       {"advice", finding.advice}});
      continue;
    }
    fmt::print("{:8} {:8} {}\n", name_of(finding.health), finding.subject, finding.text);
    if (!finding.advice.empty()) fmt::print("{:18}{}\n", "", finding.advice);
  }
  if (as_json) print_json(json::object{{"healthy", !failed}, {"findings", std::move(array)}});
  return failed ? kExitFailed : kExitDone;
}

} // namespace

void add_doctor(CLI::App& program, Run& run) {
  auto options = std::make_shared<CommonOptions>();
  auto as_json = std::make_shared<bool>(false);
  CLI::App* command =
      program.add_subcommand("doctor", "whether machine, model and data are fit for a node");
  add_common_options(*command, *options);
  command->add_flag("--json", *as_json, "one JSON document");
  command->callback([=, &run] { run = [=] { return doctor(*options, *as_json); }; });
}

} // namespace raglan::app

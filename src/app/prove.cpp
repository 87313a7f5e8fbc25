// raglan prove: every claim of the scaling notes that is built, measured with the feature off and
// on, on this machine.
#include <pthread.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <thread>

#include <boost/json/array.hpp>

#include "app/command_line.h"
#include "app/engine.h"
#include "app/model_path.h"
#include "base/temporary_folder.h"
#include "loadtest/claims.h"
#include "loadtest/prove_report.h"
#include "loadtest/rig.h"
#include "telemetry/resource_usage.h"

namespace raglan::app {
namespace {

using loadtest::Claim;
using loadtest::Row;

struct ProveOptions {
  CommonOptions common;
  std::vector<std::string> only;
  std::string html;
  std::uint64_t seed = 1;
  bool list = false;
  bool quick = false;
  bool json = false;
};

// The value of a line "model name : …".
std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("model name")) continue;
    const std::size_t colon = line.find(": ");
    if (colon != line.npos) return line.substr(colon + 2);
  }
  return "unknown processor";
}

std::string utc_text(WallTime time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", 1900 + utc.tm_year, 1 + utc.tm_mon,
                     utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

loadtest::ProveSetting look_at_machine(const ProveOptions& options) {
  loadtest::ProveSetting setting{.version = RAGLAN_VERSION,
                                 .cpu = cpu_name(),
                                 .measured_at = utc_text(SystemClock::instance().wall_now()),
                                 .seed = options.seed,
                                 .quick = options.quick};
  const telemetry::ResourceReader resources;
  setting.cores = resources.available_cores();
  setting.memory_bytes = resources.memory_limit_bytes().value_or(0);
  utsname system{};
  if (::uname(&system) == 0) setting.system = fmt::format("{} {}", system.sysname, system.release);
  double load = 0;
  if (::getloadavg(&load, 1) == 1) setting.load_average = load;
  return setting;
}

Result<std::vector<Claim>> chosen_claims(const ProveOptions& options) {
  std::vector<Claim> all = loadtest::all_claims();
  if (options.only.empty()) return all;
  std::vector<Claim> chosen;
  for (const std::string& id : options.only) {
    const auto at = std::ranges::find(all, id, &Claim::id);
    if (at == all.end()) {
      return fail(ErrorCode::kInvalidField, fmt::format("there is no row {}; see --list", id));
    }
    chosen.push_back(*at);
  }
  return chosen;
}

int list_claims(const std::vector<Claim>& claims, bool as_json) {
  boost::json::array rows;
  for (const Claim& claim : claims) {
    rows.push_back(boost::json::object{{"id", claim.id}, {"claim", claim.text}});
    if (!as_json) fmt::print("{:28}  {}\n", claim.id, claim.text);
  }
  if (as_json) print_json(boost::json::object{{"rows", std::move(rows)}});
  return kExitDone;
}

// As the nodes get them: the model by its place, since they run on a copy of the data folder.
Result<loadtest::RigConfig> rig_config(const ProveOptions& options, const Settings& settings) {
  const auto file = store_path(settings, options.common.data_folder);
  if (!file) {
    return fail(ErrorCode::kInvalidField,
                "claims are measured on copies of an embedded store: set store.url to sqlite:NAME");
  }
  loadtest::RigConfig config{.store = *file, .seed = options.seed, .quick = options.quick};
  auto& words = config.node_options;
  if (!options.common.config_file.empty()) {
    words.insert(words.end(), {"--config", options.common.config_file});
  }
  for (const std::string& assignment : options.common.assignments) {
    words.insert(words.end(), {"--set", assignment});
  }
  auto model = find_model(settings.embedding.model, options.common.data_folder);
  if (!model) return forward_error(model);
  std::error_code error;
  const auto place = std::filesystem::absolute(*model, error);
  words.insert(words.end(), {"--set", fmt::format("embedding.model={}", place.string())});
  return config;
}

Result<std::unique_ptr<loadtest::Rig>> make_rig(const ProveOptions& options,
                                                const Settings& settings) {
  auto config = rig_config(options, settings);
  if (!config) return forward_error(config);
  auto rig = loadtest::Rig::make(std::move(*config));
  if (rig || rig.error().code != ErrorCode::kNotFound) return rig;
  return fail(
      ErrorCode::kNotFound,
      fmt::format("there are no documents in {} to measure with: raglan ingest FOLDER first",
                  options.common.data_folder));
}

std::vector<Row> measure(loadtest::Rig& rig, const std::vector<Claim>& claims) {
  const Clock& clock = SystemClock::instance();
  std::vector<Row> rows;
  for (const Claim& claim : claims) {
    fmt::print(stderr, "{} of {}: {} … ", rows.size() + 1, claims.size(), claim.id);
    const MonotonicTime began = clock.now();
    auto outcome = claim.measure(rig);
    const double seconds = to_milliseconds(clock.now() - began) / 1000;
    rows.push_back(loadtest::make_row(claim, std::move(outcome), seconds));
    fmt::print(stderr, "{}, {:.0f} s\n", loadtest::verdict_name(rows.back().verdict), seconds);
  }
  return rows;
}

Result<> write_page(const std::string& path, const std::string& page) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << page;
  file.close();
  if (file) return {};
  return fail(ErrorCode::kUnavailable, fmt::format("{} cannot be written", path));
}

// A copy of the data folder can be large: it does not stay behind when the user has had enough. The
// nodes end with this process.
void remove_folders_on_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr); // of the threads to come, too
  std::thread([signals] {
    int signal = 0;
    sigwait(&signals, &signal);
    TemporaryFolder::remove_all();
    std::_Exit(128 + signal);
  }).detach();
}

Result<> check_writable(const std::string& path) {
  std::ofstream file(path, std::ios::app);
  if (path.empty() || file) return {};
  return fail(ErrorCode::kUnavailable, fmt::format("{} cannot be written", path));
}

int prove(const ProveOptions& options) {
  auto claims = chosen_claims(options);
  if (!claims) {
    report_error("prove", claims.error());
    return kExitUsage;
  }
  if (options.list) return list_claims(*claims, options.json);
  Settings settings;
  if (!load_settings(settings, options.common, {}, Logging::kCommand)) return kExitUsage;
  if (auto ok = check_writable(options.html); !ok) return report_error("prove", ok.error());
  remove_folders_on_signals();
  loadtest::ProveSetting setting = look_at_machine(options);
  auto rig = make_rig(options, settings);
  if (!rig) return report_error("prove", rig.error());
  setting.documents = (*rig)->corpus().documents_total;
  setting.questions = (*rig)->corpus().questions.size();
  const std::vector<Row> rows = measure(**rig, *claims);
  if (options.json) {
    print_json(loadtest::prove_json(setting, rows));
  } else {
    fmt::print("{}", loadtest::prove_table(setting, rows));
  }
  if (!options.html.empty()) {
    auto ok = write_page(options.html, loadtest::prove_html(setting, rows));
    if (!ok) return report_error("prove", ok.error());
  }
  const auto failed = std::ranges::count(rows, loadtest::Verdict::kFail, &Row::verdict);
  return failed > 0 ? kExitMissed : kExitDone;
}

} // namespace

void add_prove(CLI::App& program, Run& run) {
  auto options = std::make_shared<ProveOptions>();
  CLI::App* command = program.add_subcommand(
      "prove", "measures each claim of the scaling notes, feature off against feature on");
  add_common_options(*command, options->common);
  command->add_option("--only", options->only, "one row; may be given several times")
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command->add_flag("--list", options->list, "the rows there are, without measuring");
  command->add_flag("--quick", options->quick, "fewer repetitions: faster, and less certain");
  command->add_option("--seed", options->seed, "of the questions' order and popularity")
      ->capture_default_str();
  command->add_option("--html", options->html, "a report with plots, in one file");
  command->add_flag("--json", options->json, "one JSON document");
  command->callback([options, &run] { run = [options] { return prove(*options); }; });
}

} // namespace raglan::app

// raglan warm: fills a node's query cache with the answers to a list of questions.
#include <array>
#include <cstdio>

#include "app/api.h"
#include "app/warmup_list.h"
#include "base/json_lookup.h"

namespace raglan::app {
namespace json = boost::json;
namespace {

// So that there is progress to see.
constexpr std::size_t kQuestionsPerRequest = 50;

struct WarmOptions {
  ApiOptions api;
  std::string file;
  bool json = false;
};

constexpr std::array<std::string_view, 4> kCounts = {"answered", "cached", "failed", "left"};

int warm(const WarmOptions& options) {
  auto bodies = read_warmup_list(options.file, kQuestionsPerRequest);
  if (!bodies) return report_error("warm", bodies.error());
  const auto api = make_remote_api(options.api.url, options.api.token);
  std::array<std::uint64_t, kCounts.size()> total{};
  if (bodies->empty()) fmt::print(stderr, "there are no questions in {}\n", options.file);
  for (WarmupBody& body : *bodies) {
    const json::object request{{"queries", std::move(body.questions)}};
    auto reply = api->call("POST", "/admin/cache/warm", request);
    if (!reply) return report_error("warm", warmup_error(reply.error(), options.file, body));
    for (std::size_t i = 0; i < kCounts.size(); ++i) total[i] += count_at(*reply, kCounts[i]);
    if (options.json) continue;
    fmt::print(stderr, "{} answered, {} cached already, {} failed, {} left\n", total[0], total[1],
               total[2], total[3]);
  }
  if (options.json) {
    json::object counts;
    for (std::size_t i = 0; i < kCounts.size(); ++i) counts[kCounts[i]] = total[i];
    print_json(counts);
  }
  return total[2] + total[3] == 0 ? kExitDone : kExitFailed;
}

} // namespace

void add_warm(CLI::App& program, Run& run) {
  auto options = std::make_shared<WarmOptions>();
  CLI::App* command = program.add_subcommand(
      "warm", "fills a node's cache with the answers to a list of questions");
  command->add_option("file", options->file, "one question a line, or the JSON body of one")
      ->required();
  command->add_option("--url", options->api.url, "the node, e.g. http://127.0.0.1:8080")
      ->required();
  command->add_option("--token", options->api.token, "sent as a bearer token");
  command->add_flag("--json", options->json, "the counts as JSON");
  command->callback([options, &run] { run = [options] { return warm(*options); }; });
}

} // namespace raglan::app

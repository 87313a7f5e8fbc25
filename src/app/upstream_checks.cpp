#include "app/upstream_checks.h"

#include <utility>

#include <fmt/format.h>

#include "app/warmup_list.h"
#include "model/remote_generator.h"
#include "net/detach.h"
#include "node/query_json.h"
#include "redis/client.h"

namespace raglan::app {
namespace {

constexpr std::size_t kFewTokens = 8;

Finding check_generator(const Settings& settings, const model::RemoteGeneratorConfig& config,
                        std::string subject, net::EventLoops& loops) {
  Finding finding{std::move(subject), Health::kOk, "",
                  "look at base_url, model and api_key under [generation]"};
  const Clock& clock = SystemClock::instance();
  const MonotonicTime start = clock.now();
  model::RemoteGenerator generator(config, settings.generator_policies, loops);
  model::GenerationRequest request{.messages = {{model::ChatRole::kUser, "Say OK."}},
                                   .max_tokens = kFewTokens};
  request.deadline = Deadline::after(config.timeout, start);
  request.last_resort = false; // one attempt
  model::Generator::OnText ignore = [](std::string_view) {};
  const auto made =
      net::run_on(loops.executor(0), generator.generate(std::move(request), std::move(ignore)));
  if (!made) {
    // Answers are the passages without it.
    finding.health = Health::kWarning;
    finding.text = fmt::format("{}: {}", config.model, made.error().message);
    return finding;
  }
  finding.text =
      fmt::format("{} answers, in {:.0f} ms", config.model, to_milliseconds(clock.now() - start));
  finding.advice.clear();
  return finding;
}

Finding check_local(const Settings& settings, const std::filesystem::path& data_folder) {
  const auto installed = find_llm(settings.local_llm.folder, data_folder);
  if (!installed) return {"llm", Health::kFailed, installed.error().message, ""};
  return {"llm", Health::kOk, fmt::format("{} is set up", installed->model), ""};
}

} // namespace

std::vector<Finding> check_generation(const Settings& settings,
                                      const std::filesystem::path& data_folder) {
  const GenerationProvider provider = settings.generation.provider;
  if (provider == GenerationProvider::kExtractive) return {};
  net::EventLoops loops({.threads = 1});
  loops.start();
  std::vector<Finding> findings{provider == GenerationProvider::kLocal
                                    ? check_local(settings, data_folder)
                                    : check_generator(settings, settings.generator, "llm", loops)};
  for (const model::RemoteGeneratorConfig& fallback : settings.fallbacks) {
    findings.push_back(
        check_generator(settings, fallback, fmt::format("llm {}", findings.size()), loops));
  }
  loops.stop();
  return findings;
}

std::vector<Finding> check_redis(const Settings& settings) {
  if (!settings.redis.enabled()) return {};
  // A node works without it, and looks for it again and again.
  Finding finding{"redis", Health::kWarning, "",
                  "look at redis.url; nodes share nothing without it"};
  net::EventLoops loops({.threads = 1});
  loops.start();
  if (auto client = redis::Client::create(settings.redis, loops); !client) {
    finding.text = client.error().message;
  } else {
    const auto well = net::run_on(loops.executor(0), (*client)->check(Deadline()));
    const std::size_t servers = (*client)->stats().servers;
    finding.text = well ? "answers" : well.error().message;
    if (well && servers > 1) finding.text = fmt::format("all {} masters answer", servers);
    if (well) {
      finding.health = Health::kOk;
      finding.advice.clear();
    }
  }
  loops.stop();
  return {finding};
}

std::vector<Finding> check_warmup_list(const Settings& settings) {
  if (settings.warmup.queries.empty()) return {};
  Finding finding{"warm-up", Health::kFailed, "", "look at cache.warmup.queries"};
  const auto bodies = read_warmup_list(settings.warmup.queries, node::kMaxQueriesPerWarm);
  if (!bodies) {
    finding.text = bodies.error().message;
    return {finding};
  }
  std::size_t questions = 0;
  for (const auto& body : *bodies) questions += body.lines.size();
  return {{"warm-up", Health::kOk, fmt::format("{} questions", questions), ""}};
}

} // namespace raglan::app

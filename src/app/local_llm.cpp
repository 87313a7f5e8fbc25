#include "app/local_llm.h"

#include <algorithm>
#include <array>
#include <span>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "base/hex.h"
#include "base/json_lookup.h"
#include "base/rng.h"
#include "model/json_file.h"

namespace raglan::app {
namespace fs = std::filesystem;
namespace {

// A model file that moves elsewhere takes its settings with it: names, no paths.
Result<InstalledLlm> read_installed(const fs::path& folder) {
  const auto about = model::read_json_object(folder / "llm.json");
  if (!about) return std::unexpected(about.error());
  const boost::json::value value(*about);
  InstalledLlm installed{.server = folder / text_at(value, "server"),
                         .weights = folder / text_at(value, "weights"),
                         .model = std::string(text_at(value, "model")),
                         .context_tokens = count_at(value, "context_tokens")};
  std::error_code error;
  if (installed.model.empty() || installed.context_tokens == 0 ||
      !fs::is_regular_file(installed.server, error) ||
      !fs::is_regular_file(installed.weights, error)) {
    return fail(ErrorCode::kCorrupt,
                fmt::format("{} is not what ./dev llm makes: remove {} and run ./dev llm",
                            (folder / "llm.json").string(), folder.string()));
  }
  return installed;
}

std::string make_key() {
  std::array<std::byte, 32> bytes;
  secure_random(bytes);
  return to_hex(std::span(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
}

std::vector<std::string> arguments_of(const InstalledLlm& installed, const LocalLlmConfig& config,
                                      std::size_t context_tokens, std::uint16_t port) {
  const std::size_t threads =
      config.threads > 0 ? config.threads : std::max(1U, std::thread::hardware_concurrency());
  return {"--model",
          installed.weights.string(),
          "--alias",
          installed.model,
          "--host",
          "127.0.0.1",
          "--port",
          std::to_string(port),
          "--reuse-port",
          "--threads",
          std::to_string(threads),
          "--threads-batch",
          std::to_string(threads),
          "--parallel",
          std::to_string(config.slots),
          "--ctx-size",
          std::to_string(context_tokens * config.slots), // of all slots
          "--no-kv-unified",
          "--cache-ram",
          "0", // else up to 8 GiB of former prompts
          "--offline",
          "--no-ui",
          "--no-slots"};
}

} // namespace

void describe(config::Table<LocalLlmConfig>& table) {
  using C = LocalLlmConfig;
  table.field("folder", &C::folder, "what ./dev llm made; empty: looked for");
  table.field("threads", &C::threads, "threads that it computes with; 0 means one per core")
      .max(256);
  table.field("slots", &C::slots, "answers that it writes at a time").min(1).max(64);
  table.field("context_tokens", &C::context_tokens, "prompt and answer; at most the model's own")
      .min(512)
      .max(1 << 20);
  table
      .field("timeout", &C::timeout,
             "of one answer, instead of generation.timeout; a question may take 10 s longer, "
             "whatever server.request_timeout says")
      .min(std::chrono::milliseconds(1))
      .max(std::chrono::minutes(60));
}

Result<InstalledLlm> find_llm(std::string_view folder, const fs::path& data_folder) {
  std::error_code error;
  std::vector<fs::path> places;
  if (!folder.empty()) {
    places.emplace_back(folder);
  } else {
    const fs::path program = fs::read_symlink("/proc/self/exe", error).parent_path();
    places = {data_folder / "llm", "llm", program / "llm", fs::path(RAGLAN_DEPS) / "llm"};
  }
  std::string looked;
  for (const fs::path& place : places) {
    if (fs::exists(place / "llm.json", error)) return read_installed(place);
    looked += fmt::format("\n  {}", place.string());
  }
  return fail(ErrorCode::kNotFound,
              fmt::format("there is no local language model; looked for it in{}\n./dev llm sets "
                          "one up",
                          looked));
}

Result<LocalLlm> LocalLlm::start(const InstalledLlm& installed, const LocalLlmConfig& config,
                                 supervisor::Supervisor& supervisor, const fs::path& log) {
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
    return fail(ErrorCode::kUnavailable,
                "the local language model needs a processor with AVX2 and FMA");
  }
  auto port = supervisor::ReservedPort::reserve();
  if (!port) return forward_error(port);
  const std::string address = fmt::format("http://127.0.0.1:{}", port->number());
  const std::string key = make_key();
  const std::size_t context_tokens = std::min(config.context_tokens, installed.context_tokens);

  supervisor::ChildSpec spec;
  spec.name = kChild;
  spec.command = {.program = installed.server,
                  .arguments = arguments_of(installed, config, context_tokens, port->number()),
                  .environment = {"LLAMA_API_KEY=" + key},
                  // It takes all cores for seconds; requests and health come first.
                  .niceness = 5};
  spec.health_url = address + "/health";
  spec.output_file = log;
  // It computes on every core, and answers its health with what is left.
  spec.probe_interval = std::chrono::seconds(5);
  spec.probe_timeout = std::chrono::seconds(5);
  auto started = supervisor.start(std::move(spec));
  if (!started) return forward_error(started);
  return LocalLlm{.base_url = address + "/v1",
                  .api_key = config::Secret(key),
                  .model = installed.model,
                  .context_tokens = context_tokens,
                  .port = std::move(*port)};
}

} // namespace raglan::app

// The language model on this machine: a llama.cpp server with its weights, run as a supervised
// child.
//
//   auto installed = find_llm(config.folder, data_folder);
//   if (!installed) return forward_error(installed);                 // says: ./dev llm
//   auto llm = LocalLlm::start(*installed, config, supervisor, data_folder / "llm.log");
//   …generate through llm->base_url with llm->api_key, model llm->model…
//   supervisor.wait_until_ready(LocalLlm::kChild, 60s);              // when somebody wants to wait
//
// It serves OpenAI's API on a loopback port that is reserved for it as long as this lives
// (supervisor/reserved_port.h). Its key is random, made anew at each start, and given to it in its
// environment, so that no other user of the machine can use it. It opens no connection of its own
// (--offline), has no web page and no routes that show or change what it works on.
//
// `start` returns before the weights are loaded: until then, and while a crashed server comes back,
// calls fail with a refused connection or 503, as with any provider.
//
// Thread safety: none needed; nothing changes after `start`. The supervisor must outlive what uses
// the address, and this the supervisor's child.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"
#include "config/secret.h"
#include "config/table.h"
#include "supervisor/reserved_port.h"
#include "supervisor/supervisor.h"

namespace raglan::app {

struct LocalLlmConfig {
  std::string folder;                // empty: looked for, see find_llm
  std::size_t threads = 0;           // 0: one per core
  std::size_t slots = 2;             // answers at a time
  std::size_t context_tokens = 4096; // of each; at most the model's own
  std::chrono::milliseconds timeout{110'000};
};
void describe(config::Table<LocalLlmConfig>& table);

// What ./dev llm has set up.
struct InstalledLlm {
  std::filesystem::path server;
  std::filesystem::path weights;
  std::string model;              // the name it goes by
  std::size_t context_tokens = 0; // the longest that the model was made for
};

// In `folder`, or, when that is empty, in the folders `llm` of the data folder, of the working
// directory, beside the program, and of ./dev's dependencies. Errors: kNotFound, which names the
// places and ./dev llm; kCorrupt (the folder's llm.json is not what it should be).
Result<InstalledLlm> find_llm(std::string_view folder, const std::filesystem::path& data_folder);

struct LocalLlm {
  static constexpr std::string_view kChild = "llm"; // its name at the supervisor

  std::string base_url; // "http://127.0.0.1:PORT/v1"
  config::Secret api_key;
  std::string model;
  std::size_t context_tokens = 0; // of one answer, prompt included
  supervisor::ReservedPort port;

  // What the server says goes to `log`, at most 4 MiB of it. Errors: kUnavailable (no port; a
  // processor without AVX2), those of Supervisor::start.
  static Result<LocalLlm> start(const InstalledLlm& installed, const LocalLlmConfig& config,
                                supervisor::Supervisor& supervisor,
                                const std::filesystem::path& log);
};

} // namespace raglan::app

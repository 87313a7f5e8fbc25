#include "app/health_checks.h"

#include <array>
#include <cmath>
#include <fstream>
#include <numeric>

#include <fmt/ranges.h>

#include "app/embedder.h"
#include "app/opened_stores.h"
#include "net/host_port.h"
#include "net/listener.h"
#include "store/embedded_store.h"
#include "telemetry/resource_usage.h"

namespace raglan::app {
namespace fs = std::filesystem;
namespace {

constexpr double kGiB = 1024.0 * 1024 * 1024;
constexpr std::uint64_t kFewFiles = 4096;
constexpr std::chrono::minutes kPatience{1}; // for three texts
constexpr std::uintmax_t kLittleSpaceBytes = 1ULL << 30;
// Two texts that say the same, and one that does not: a model that cannot tell is broken.
constexpr std::array<std::string_view, 3> kProbes = {
    "How do I make a copy of the database?", "Backing up a database", "The weather in Auckland"};

double dot(std::span<const float> left, std::span<const float> right) {
  return std::inner_product(left.begin(), left.end(), right.begin(), 0.0);
}

std::string instruction_sets() {
  __builtin_cpu_init();
  std::vector<std::string_view> sets;
  if (__builtin_cpu_supports("avx512f")) sets.push_back("AVX-512");
  if (__builtin_cpu_supports("avx512vnni")) sets.push_back("VNNI");
  if (__builtin_cpu_supports("avx2")) sets.push_back("AVX2");
  return sets.empty() ? "no AVX2" : fmt::format("{}", fmt::join(sets, ", "));
}

} // namespace

Finding check_machine() {
  const telemetry::ResourceReader reader;
  const std::uint64_t memory_bytes = reader.memory_limit_bytes().value_or(0);
  Finding finding{"machine", Health::kOk,
                  fmt::format("{} cores ({}), {:.1f} GiB of memory, {} open files allowed",
                              reader.available_cores(), instruction_sets(),
                              static_cast<double>(memory_bytes) / kGiB, reader.max_fds()),
                  ""};
  if (reader.max_fds() < kFewFiles) {
    finding.health = Health::kWarning;
    finding.advice = "each connection is an open file: raise the limit (ulimit -n 65536)";
  }
  return finding;
}

ModelFinding check_model(const Settings& settings, const fs::path& data_folder) {
  const bool local = settings.embedding.provider == EmbeddingProvider::kLocal;
  Finding finding{"model", Health::kFailed, "",
                  local ? "./dev build fetches the default model"
                        : "look at embedding.base_url, embedding.model and embedding.api_key"};
  const Clock& clock = SystemClock::instance();
  const MonotonicTime start = clock.now();
  auto loaded = load_embedder(settings, data_folder, nullptr, nullptr, clock);
  if (!loaded) {
    finding.text = loaded.error().message;
    return {finding, ""};
  }
  model::Embedder& embedder = *loaded->embedder;
  const std::string id(embedder.id());
  const MonotonicTime ready = clock.now();
  auto made =
      embedder.embed({kProbes.begin(), kProbes.end()}, Deadline::after(kPatience, clock.now()));
  if (!made) {
    finding.text = made.error().message;
    return {finding, id};
  }
  const Duration took = clock.now() - ready;
  const auto row = [&](std::size_t i) {
    return std::span(made->values).subspan(i * made->dimension, made->dimension);
  };
  if (dot(row(0), row(1)) <= dot(row(0), row(2))) {
    finding.text = "the model cannot tell a paraphrase from another subject";
    finding.advice = "its weights or its tokenizer are not what they should be";
    return {finding, id};
  }
  const std::string seconds = fmt::format("{:.1f} s", to_milliseconds(ready - start) / 1000);
  finding = {
      "model", Health::kOk,
      fmt::format("{} ({} dimensions) {}, {} texts take {:.0f} ms", id, made->dimension,
                  local ? "loads in " + seconds : "answers", kProbes.size(), to_milliseconds(took)),
      ""};
  return {finding, id};
}

Finding check_data_folder(const fs::path& data_folder) {
  std::error_code error;
  Finding finding{"data", Health::kOk, "", ""};
  if (!fs::exists(data_folder, error)) {
    finding.text =
        fmt::format("{} does not exist yet; the first ingest makes it", data_folder.string());
    return finding;
  }
  const fs::path probe = data_folder / ".raglan-doctor";
  const bool written = static_cast<bool>(std::ofstream(probe) << "probe" << std::flush);
  fs::remove(probe, error);
  if (!written) {
    return {"data", Health::kFailed, fmt::format("{} cannot be written", data_folder.string()),
            "check its owner and permissions, and whether the disk is full"};
  }
  const auto space = fs::space(data_folder, error);
  finding.text = fmt::format("{} can be written, {:.1f} GiB free", data_folder.string(),
                             static_cast<double>(space.available) / kGiB);
  if (space.available < kLittleSpaceBytes) {
    finding.health = Health::kWarning;
    finding.advice = "less than 1 GiB is free: writes will fail when the disk is full";
  }
  return finding;
}

Finding describe_collections(const std::vector<store::CollectionStats>& collections,
                             std::string_view beginning, std::string_view model_id) {
  std::uint64_t documents = 0;
  std::uint64_t chunks = 0;
  for (const auto& collection : collections) {
    documents += collection.documents;
    chunks += collection.chunks;
    const std::string& embedder = collection.embedder_id;
    if (model_id.empty() || embedder.empty() || embedder == model_id) continue;
    return {"store", Health::kWarning,
            fmt::format("collection \"{}\" was embedded with {}", collection.name, embedder),
            "set embedding.model to that model, or delete the collection and ingest it again"};
  }
  return {"store", Health::kOk,
          fmt::format("{}, {} collections, {} documents, {} chunks", beginning, collections.size(),
                      documents, chunks),
          ""};
}

Finding check_file(const Settings& settings, const fs::path& path, std::string_view model_id) {
  std::error_code error;
  if (!fs::exists(path, error)) {
    return {"store", Health::kOk, fmt::format("{} does not exist yet", path.string()), ""};
  }
  // Before it is opened: that migrates and tidies up, and a damaged file must stay as it is.
  auto whole = store::EmbeddedStore::check_file(path, settings.store);
  store::StoreConfig config = settings.store;
  config.check_at_open_bytes = 0; // has just been done
  Result<std::unique_ptr<store::EmbeddedStore>> store = nullptr;
  if (whole) { // the model does not matter for looking
    store = store::EmbeddedStore::open(path, {}, config, SystemClock::instance());
    if (!store) whole = forward_error(store);
  }
  if (!whole) {
    return {"store", Health::kFailed, fmt::format("{}: {}", path.string(), whole.error().message),
            "restore the file from a backup, or move it away and ingest again"};
  }
  auto collections = (*store)->list_collections(store::kDefaultTenant);
  if (!collections) return {"store", Health::kFailed, collections.error().message, ""};
  return describe_collections(*collections, fmt::format("{}: every page checked", path.string()),
                              model_id);
}

// A node works without them.
void add_replicas(const std::vector<NodeStore::Replica>& replicas, std::vector<Finding>& findings) {
  for (std::size_t i = 0; i < replicas.size(); ++i) {
    const auto& [server, in_rotation, state] = replicas[i];
    findings.push_back({fmt::format("replica {}", i + 1),
                        in_rotation ? Health::kOk : Health::kWarning,
                        fmt::format("{}: {}", server, state),
                        in_rotation ? "" : "it is not read: look at store.replicas"});
  }
}

// As a node does it, but for the model.
std::vector<Finding> check_postgres(const Settings& settings, std::string_view model_id) {
  Finding finding{"store", Health::kFailed, "", "check store.url, and that the server is up"};
  OpenedStores stores;
  auto opened = stores.open(settings, {}, {});
  if (!opened) {
    finding.text = explain(opened.error());
    return {finding};
  }
  auto collections = stores.wait(
      (*opened)->store().list_collections(std::string(store::kDefaultTenant), Deadline()));
  finding = collections ? describe_collections(*collections, "PostgreSQL answers", model_id)
                        : Finding{"store", Health::kFailed, explain(collections.error()), ""};
  std::vector<Finding> findings{std::move(finding)};
  add_replicas((*opened)->replicas(true), findings);
  return findings;
}

std::vector<Finding> check_database(const Settings& settings, const fs::path& data_folder,
                                    std::string_view model_id) {
  const auto path = store_path(settings, data_folder);
  if (!path) return check_postgres(settings, model_id);
  return {check_file(settings, *path, model_id)};
}

Finding check_listening(const Settings& settings) {
  const net::HostPort address = *net::parse_host_port(settings.serving.listen);
  auto listener = net::Listener::open({.host = address.host, .port = address.port});
  if (!listener) {
    return {"listen", Health::kWarning, listener.error().message,
            "a node runs there already, or another program does: choose another --listen"};
  }
  return {"listen", Health::kOk, fmt::format("{} is free", settings.serving.listen), ""};
}

} // namespace raglan::app

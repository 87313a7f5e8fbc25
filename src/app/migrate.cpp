// raglan migrate: moves all that a store holds into another one, and makes sure of it.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>
#include <tuple>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "app/command_line.h"
#include "app/opened_store.h"
#include "migration/compare.h"
#include "migration/copy.h"
#include "postgres/target.h"

namespace raglan::app {
namespace json = boost::json;
namespace {

struct MigrateOptions {
  CommonOptions common;
  std::string from; // empty: store.url
  std::string to;
  bool prune = false;
  bool check = false; // nothing is written
  bool json = false;
};

// One of the two stores: the settings that name it, and what people call it.
struct Side {
  Settings settings;
  std::string name;
  std::optional<std::filesystem::path> file; // the embedded store's
};

// What became of one collection.
struct Moved {
  store::StoredCollection collection; // as it was when it began
  migration::CopyCounts copied;
  std::uint64_t pruned = 0;
  migration::Comparison compared;
};

struct Report {
  std::vector<Moved> collections;
  migration::RecordCounts records;
  std::uint64_t records_pruned = 0;
  migration::Comparison compared_records;
  std::vector<store::CollectionKey> extra; // that only the other store holds

  bool is_same() const {
    const auto same = [](const Moved& moved) { return moved.compared.is_same(); };
    return std::ranges::all_of(collections, same) && compared_records.is_same();
  }
};

bool load_side(Side& side, const MigrateOptions& options, const std::string& url,
               const std::string& flag) {
  std::vector<config::Override> overrides;
  if (!url.empty()) {
    overrides = {{"store.url", url, flag}, {"store.replicas", "", flag}};
  }
  if (!load_settings(side.settings, options.common, std::move(overrides), Logging::kCommand)) {
    return false;
  }
  side.file = store_path(side.settings, options.common.data_folder);
  if (side.file) {
    side.name = side.file->string();
  } else if (auto parsed = postgres::parse_url(side.settings.store_location.url.reveal())) {
    side.name = postgres::name_of(*parsed);
  }
  return true;
}

class Migration {
 public:
  Migration(const MigrateOptions& options, const Side& from, const Side& to)
      : options_(options), from_(from), to_(to) {}

  Result<Report> run() {
    if (from_.name == to_.name) {
      return fail(ErrorCode::kInvalidField, "a store cannot be moved into itself");
    }
    if (from_.file && !std::filesystem::exists(*from_.file)) {
      return fail(ErrorCode::kNotFound, from_.name + " does not exist");
    }
    if (options_.check && to_.file && !std::filesystem::exists(*to_.file)) {
      return fail(ErrorCode::kNotFound, to_.name + " does not exist");
    }
    auto source = OpenedStore::open(from_.settings, options_.common.data_folder, {});
    if (!source) return forward_error(source);
    source_ = std::move(*source);
    auto collections = source_->wait(source_->store().contents().collections(deadline()));
    if (!collections) return forward_error(collections);
    for (store::StoredCollection& each : *collections) report_.collections.push_back({each});
    if (!options_.check) {
      if (auto ok = copy(); !ok) return forward_error(ok);
    }
    if (auto ok = compare(); !ok) return forward_error(ok);
    return std::move(report_);
  }

 private:
  Deadline deadline() const { return Deadline::after(std::chrono::minutes(10), clock_.now()); }

  // The other store, for vectors of that model.
  Result<> open_target(store::EmbeddingSpace space) {
    target_.reset(); // of another model: its file is closed before it is opened again
    auto target = OpenedStore::open(to_.settings, options_.common.data_folder, std::move(space));
    if (!target) return forward_error(target);
    target_ = std::move(*target);
    return {};
  }

  Result<> copy() {
    std::map<std::pair<std::string, std::size_t>, std::vector<Moved*>> by_space;
    for (Moved& moved : report_.collections) {
      const store::EmbeddingSpace& space = moved.collection.space;
      by_space[{space.embedder_id, space.dimension}].push_back(&moved);
    }
    for (const auto& [space, collections] : by_space) {
      if (auto ok = open_target({space.first, space.second}); !ok) return ok;
      for (Moved* moved : collections) {
        if (auto ok = copy_collection(*moved); !ok) return ok;
      }
    }
    if (auto ok = open_target({}); !ok) return ok;
    store::Store& from = source_->store();
    store::Store& to = target_->store();
    auto records = source_->wait(migration::copy_records(from, to, clock_));
    if (!records) return forward_error(records);
    report_.records = *records;
    return options_.prune ? prune() : Result<>();
  }

  Result<> copy_collection(Moved& moved) {
    store::Store& from = source_->store();
    store::Store& to = target_->store();
    const store::CollectionKey& key = moved.collection.key;
    auto created = source_->wait(to.create_collection(key, deadline()));
    if (!created && created.error().code != ErrorCode::kConflict) return created;
    const auto show = [&](std::uint64_t documents) {
      show_progress("copied", key, documents, moved.collection.documents);
    };
    auto copied = source_->wait(migration::copy_documents(from, to, key, clock_, show));
    if (!copied) return forward_error(copied);
    moved.copied = std::move(*copied);
    return {};
  }

  Result<> prune() {
    store::Store& from = source_->store();
    store::Store& to = target_->store();
    for (Moved& moved : report_.collections) {
      auto pruned =
          source_->wait(migration::prune_documents(from, to, moved.collection.key, clock_));
      if (!pruned) return forward_error(pruned);
      moved.pruned = *pruned;
    }
    auto extra = extra_collections();
    if (!extra) return forward_error(extra);
    for (const store::CollectionKey& key : *extra) {
      auto deleted = source_->wait(to.delete_collection(key, deadline()));
      if (!deleted && deleted.error().code != ErrorCode::kNotFound) return deleted;
    }
    auto pruned = source_->wait(migration::prune_records(from, to, clock_));
    if (!pruned) return forward_error(pruned);
    report_.records_pruned = *pruned;
    return {};
  }

  Result<std::vector<store::CollectionKey>> extra_collections() {
    auto held = source_->wait(target_->store().contents().collections(deadline()));
    if (!held) return forward_error(held);
    std::set<store::CollectionKey> known;
    for (const Moved& moved : report_.collections) known.insert(moved.collection.key);
    std::vector<store::CollectionKey> extra;
    for (const store::StoredCollection& each : *held) {
      if (!known.contains(each.key)) extra.push_back(each.key);
    }
    return extra;
  }

  Result<> compare() {
    if (auto ok = open_target({}); !ok) return ok; // what was written is read from the disk
    store::Store& from = source_->store();
    store::Store& to = target_->store();
    for (Moved& moved : report_.collections) {
      const store::CollectionKey& key = moved.collection.key;
      show_progress("comparing", key, 0, moved.collection.documents);
      auto compared = source_->wait(migration::compare_documents(from, to, key, clock_));
      if (!compared) return forward_error(compared);
      moved.compared = std::move(*compared);
    }
    auto records = source_->wait(migration::compare_records(from, to, clock_));
    if (!records) return forward_error(records);
    report_.compared_records = std::move(*records);
    auto extra = extra_collections();
    if (!extra) return forward_error(extra);
    report_.extra = std::move(*extra);
    if (::isatty(STDERR_FILENO) != 0) fmt::print(stderr, "\r\033[K");
    return {};
  }

  static void show_progress(std::string_view what, const store::CollectionKey& key,
                            std::uint64_t done, std::uint64_t total) {
    if (::isatty(STDERR_FILENO) == 0) return;
    fmt::print(stderr, "\r{} {}/{}: {} of {} documents\033[K", what, key.tenant, key.name, done,
               total);
  }

  const MigrateOptions& options_;
  const Side& from_;
  const Side& to_;
  const Clock& clock_ = SystemClock::instance();
  std::unique_ptr<OpenedStore> source_;
  std::unique_ptr<OpenedStore> target_;
  Report report_;
};

json::object comparison_json(const migration::Comparison& compared) {
  json::array named;
  for (const std::string& name : compared.named) named.push_back(json::string(name));
  return {{"count", compared.compared},
          {"checksum", compared.from.value().hex()},
          {"checksum_there", compared.to.value().hex()},
          {"missing", compared.missing},
          {"different", compared.different},
          {"extra", compared.extra},
          {"named", std::move(named)}};
}

json::object report_json(const Report& report, const Side& from, const Side& to) {
  json::array collections;
  for (const Moved& moved : report.collections) {
    json::array refused;
    for (const migration::Refused& each : moved.copied.refused) {
      refused.push_back(json::object{{"id", each.document_id}, {"message", each.error.message}});
    }
    collections.push_back(json::object{{"tenant", moved.collection.key.tenant},
                                       {"collection", moved.collection.key.name},
                                       {"embedder_id", moved.collection.space.embedder_id},
                                       {"chunks", moved.compared.chunks},
                                       {"copied", moved.copied.copied},
                                       {"unchanged", moved.copied.unchanged},
                                       {"pruned", moved.pruned},
                                       {"refused", std::move(refused)},
                                       {"documents", comparison_json(moved.compared)}});
  }
  json::array extra;
  for (const store::CollectionKey& key : report.extra) {
    extra.push_back(json::object{{"tenant", key.tenant}, {"collection", key.name}});
  }
  return {{"from", from.name},
          {"to", to.name},
          {"same", report.is_same()},
          {"collections", std::move(collections)},
          {"extra_collections", std::move(extra)},
          {"records", json::object{{"copied", report.records.copied},
                                   {"unchanged", report.records.unchanged},
                                   {"pruned", report.records_pruned},
                                   {"compared", comparison_json(report.compared_records)}}}};
}

void print_comparison(std::string_view what, const migration::Comparison& compared) {
  if (compared.compared == 0) {
    fmt::print("  there are no {}\n", what);
  } else if (compared.is_same()) {
    fmt::print("  {} {} the same, checksum {}\n", compared.compared, what,
               compared.from.value().hex());
  } else {
    fmt::print("  {} {}: {} missing, {} different (checksums {} and {})\n", compared.compared, what,
               compared.missing, compared.different, compared.from.value().hex(),
               compared.to.value().hex());
    for (const std::string& name : compared.named) fmt::print("    {}\n", name);
  }
  if (compared.extra > 0) {
    fmt::print("  {} more there; --prune removes them\n", compared.extra);
  }
}

void print_report(const Report& report, const Side& from, const Side& to, bool check) {
  fmt::print("{} → {}\n", from.name, to.name);
  for (const Moved& moved : report.collections) {
    fmt::print("{}/{}", moved.collection.key.tenant, moved.collection.key.name);
    if (!check) {
      fmt::print(": {} copied, {} unchanged", moved.copied.copied, moved.copied.unchanged);
      if (moved.pruned > 0) fmt::print(", {} removed", moved.pruned);
    }
    fmt::print("\n");
    for (const migration::Refused& each : moved.copied.refused) {
      fmt::print("  {} was not taken: {}\n", each.document_id, each.error.message);
    }
    print_comparison("documents", moved.compared);
  }
  fmt::print("records (API keys, conversations, jobs)");
  if (!check) {
    fmt::print(": {} copied, {} unchanged", report.records.copied, report.records.unchanged);
    if (report.records_pruned > 0) fmt::print(", {} removed", report.records_pruned);
  }
  fmt::print("\n");
  print_comparison("records", report.compared_records);
  for (const store::CollectionKey& key : report.extra) {
    fmt::print("only there: collection {}/{}; --prune removes it\n", key.tenant, key.name);
  }
}

int migrate(const MigrateOptions& options) {
  Side from;
  Side to;
  if (!load_side(from, options, options.from, "--from")) return kExitUsage;
  if (!load_side(to, options, options.to, "--to")) return kExitUsage;
  auto report = Migration(options, from, to).run();
  if (!report) return report_error("migrate", report.error());
  if (options.json) {
    print_json(report_json(*report, from, to));
  } else {
    print_report(*report, from, to, options.check);
  }
  if (report->is_same()) return kExitDone;
  fmt::print(stderr, "raglan migrate: {} does not hold all that {} holds\n", to.name, from.name);
  return kExitFailed;
}

} // namespace

void add_migrate(CLI::App& program, Run& run) {
  auto options = std::make_shared<MigrateOptions>();
  CLI::App* command =
      program.add_subcommand("migrate", "copies a whole store into another one, and compares them");
  add_common_options(*command, options->common);
  command->add_option("--from", options->from,
                      "the store to read, as store.url names it; else store.url itself");
  command
      ->add_option("--to", options->to,
                   "the store to write: postgresql://…, or sqlite:FILE of "
                   "the data folder")
      ->required();
  command->add_flag("--prune", options->prune,
                    "remove what the other store holds and this one does not");
  command->add_flag("--check", options->check, "compare only: nothing is written")
      ->excludes("--prune");
  command->add_flag("--json", options->json, "one JSON document");
  command->callback([options, &run] { run = [options] { return migrate(*options); }; });
}

} // namespace raglan::app

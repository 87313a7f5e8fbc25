// raglan migrate: moves all that a store holds into another one, and makes sure of it.
#include <unistd.h>

#include <cstdio>
#include <map>
#include <set>
#include <utility>

#include "app/command_line.h"
#include "app/migrate_report.h"
#include "app/opened_stores.h"
#include "base/control_characters.h"
#include "migration/pages.h"
#include "postgres/target.h"

namespace raglan::app {
namespace {

struct MigrateOptions {
  CommonOptions common;
  std::string from; // empty: store.url
  std::string to;
  bool prune = false;
  bool check = false; // nothing is copied
  bool json = false;
};

// One of the two stores: the settings that name it, and what people call it.
struct Side {
  Settings settings;
  std::string name;
  std::optional<std::filesystem::path> file; // the embedded store's
};

bool load_side(Side& side, const MigrateOptions& options, const std::string& url,
               const std::string& flag) {
  std::vector<config::Override> overrides;
  if (!url.empty()) overrides = {{"store.url", url, flag}, {"store.replicas", "", flag}};
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

void clear_progress() {
  if (::isatty(STDERR_FILENO) != 0) fmt::print(stderr, "\r\033[K");
}

void show_progress(std::string_view what, const store::CollectionKey& key, std::uint64_t done,
                   std::uint64_t total) {
  if (::isatty(STDERR_FILENO) == 0) return;
  const std::string name = blank_control_characters(key.tenant + "/" + key.name);
  fmt::print(stderr, "\r{} {}: {} of {} documents\033[K", what, name, done, total);
}

class Migration {
 public:
  Migration(const MigrateOptions& options, const Side& from, const Side& to)
      : options_(options), from_(from), to_(to) {
    report_.from = from.name;
    report_.to = to.name;
    report_.copied = !options.check;
  }

  Result<MigrationReport> run() {
    if (auto ok = check_names(); !ok) return forward_error(ok);
    auto opened = stores_.open(from_.settings, options_.common.data_folder, {});
    if (!opened) return forward_error(opened);
    opened_source_ = *opened;
    auto collections = stores_.wait(source().contents().collections(deadline()));
    if (!collections) return forward_error(collections);
    for (store::StoredCollection& each : *collections) {
      report_.collections.push_back({.collection = std::move(each)});
    }
    if (!options_.check) {
      if (auto ok = copy(); !ok) return forward_error(ok);
    }
    if (auto ok = compare(); !ok) return forward_error(ok);
    return std::move(report_);
  }

 private:
  store::Store& source() { return opened_source_->store(); }
  store::Store& target() { return opened_target_->store(); }
  Deadline deadline() const { return migration::call_deadline(clock_); }

  static Error at(const store::CollectionKey& key, const Error& error) {
    return {error.code, key.tenant + "/" + key.name + ": " + error.message};
  }

  Result<> check_names() const {
    if (from_.name == to_.name) {
      return fail(ErrorCode::kInvalidField, "a store cannot be moved into itself");
    }
    for (const Side* side : {&from_, &to_}) {
      const bool read = side == &from_ || options_.check;
      if (read && side->file && !std::filesystem::exists(*side->file)) {
        return fail(ErrorCode::kNotFound, side->name + " does not exist");
      }
    }
    return {};
  }

  // The other store, for vectors of that model.
  Result<> open_target(store::EmbeddingSpace space) {
    if (opened_target_ != nullptr) opened_target_->stop(); // of another model: its file is closed
    auto opened = stores_.open(to_.settings, options_.common.data_folder, std::move(space));
    if (!opened) return forward_error(opened);
    opened_target_ = *opened;
    return {};
  }

  Result<> copy() {
    std::map<std::pair<std::string, std::size_t>, std::vector<MovedCollection*>> by_space;
    for (MovedCollection& moved : report_.collections) {
      const store::EmbeddingSpace& space = moved.collection.space;
      by_space[{space.embedder_id, space.dimension}].push_back(&moved);
    }
    for (const auto& [space, collections] : by_space) {
      if (auto ok = open_target({space.first, space.second}); !ok) return ok;
      for (MovedCollection* moved : collections) {
        if (auto ok = copy_collection(*moved); !ok) {
          return std::unexpected(at(moved->collection.key, ok.error()));
        }
      }
    }
    if (auto ok = open_target({}); !ok) return ok;
    auto records = stores_.wait(migration::copy_records(source(), target(), clock_));
    if (!records) return forward_error(records);
    report_.records = *records;
    return options_.prune ? prune() : Result<>();
  }

  Result<> copy_collection(MovedCollection& moved) {
    const store::CollectionKey& key = moved.collection.key;
    const auto show = [&](std::uint64_t documents) {
      show_progress("copied", key, documents, moved.collection.documents);
    };
    auto copied = stores_.wait(migration::copy_documents(source(), target(), key, clock_, show));
    if (copied) {
      moved.copied = std::move(*copied);
    } else if (copied.error().code == ErrorCode::kConflict) {
      moved.failure = copied.error(); // the others can be copied
    } else {
      return forward_error(copied);
    }
    return {};
  }

  // Not where something was refused: there the other store may hold what is wanted.
  Result<> prune() {
    const migration::RecordCounts& records = report_.records;
    if (report_.collections.empty() && records.copied + records.unchanged == 0) {
      return fail(ErrorCode::kInvalidField,
                  from_.name + " holds nothing: --prune would leave nothing in " + to_.name);
    }
    for (MovedCollection& moved : report_.collections) {
      const store::CollectionKey& key = moved.collection.key;
      if (moved.failure || moved.copied.refused > 0) continue;
      auto pruned = stores_.wait(migration::prune_documents(source(), target(), key, clock_));
      if (!pruned) return std::unexpected(at(key, pruned.error()));
      moved.pruned = *pruned;
    }
    auto extra = extra_collections();
    if (!extra) return forward_error(extra);
    for (const store::CollectionKey& key : *extra) {
      auto deleted = stores_.wait(target().delete_collection(key, deadline()));
      if (!deleted && deleted.error().code != ErrorCode::kNotFound) {
        return std::unexpected(at(key, deleted.error()));
      }
    }
    auto pruned = stores_.wait(migration::prune_records(source(), target(), clock_));
    if (!pruned) return forward_error(pruned);
    report_.records_pruned = *pruned;
    return {};
  }

  Result<std::vector<store::CollectionKey>> extra_collections() {
    auto held = stores_.wait(target().contents().collections(deadline()));
    if (!held) return forward_error(held);
    std::set<store::CollectionKey> known;
    for (const MovedCollection& moved : report_.collections) known.insert(moved.collection.key);
    std::vector<store::CollectionKey> extra;
    for (const store::StoredCollection& each : *held) {
      if (!known.contains(each.key)) extra.push_back(each.key);
    }
    return extra;
  }

  Result<> compare() {
    if (auto ok = open_target({}); !ok) return ok; // what was written is read from the disk
    for (MovedCollection& moved : report_.collections) {
      const store::CollectionKey& key = moved.collection.key;
      show_progress("comparing", key, 0, moved.collection.documents);
      auto compared = stores_.wait(migration::compare_documents(source(), target(), key, clock_));
      if (!compared) return std::unexpected(at(key, compared.error()));
      moved.compared = std::move(*compared);
    }
    auto records = stores_.wait(migration::compare_records(source(), target(), clock_));
    if (!records) return forward_error(records);
    report_.compared_records = std::move(*records);
    auto extra = extra_collections();
    if (!extra) return forward_error(extra);
    report_.extra = std::move(*extra);
    return {};
  }

  const MigrateOptions& options_;
  const Side& from_;
  const Side& to_;
  const Clock& clock_ = SystemClock::instance();
  OpenedStores stores_;
  NodeStore* opened_source_ = nullptr;
  NodeStore* opened_target_ = nullptr;
  MigrationReport report_;
};

int migrate(const MigrateOptions& options) {
  Side from;
  Side to;
  if (!load_side(from, options, options.from, "--from")) return kExitUsage;
  if (!load_side(to, options, options.to, "--to")) return kExitUsage;
  auto report = Migration(options, from, to).run();
  clear_progress();
  if (!report) return report_error("migrate", report.error());
  if (options.json) {
    print_json(migration_json(*report));
  } else {
    print_migration(*report);
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
                   "the store to write: postgresql://…, or sqlite:FILE of the data folder")
      ->required();
  command->add_flag("--prune", options->prune,
                    "remove what the other store holds and this one does not");
  command->add_flag("--check", options->check, "compare only: nothing is copied")
      ->excludes("--prune");
  command->add_flag("--json", options->json, "one JSON document");
  command->callback([options, &run] { run = [options] { return migrate(*options); }; });
}

} // namespace raglan::app

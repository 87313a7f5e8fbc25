#include "app/migrate_report.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>
#include <boost/json/array.hpp>

#include "base/control_characters.h"

namespace raglan::app {
namespace json = boost::json;
namespace {

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

json::object collection_json(const MovedCollection& moved) {
  json::array named;
  for (const migration::Refused& each : moved.copied.named) {
    named.push_back(json::object{{"id", each.document_id}, {"message", each.error.message}});
  }
  json::object object{{"tenant", moved.collection.key.tenant},
                      {"collection", moved.collection.key.name},
                      {"embedder_id", moved.collection.space.embedder_id},
                      {"chunks", moved.compared.chunks},
                      {"copied", moved.copied.copied},
                      {"unchanged", moved.copied.unchanged},
                      {"pruned", moved.pruned},
                      {"refused", moved.copied.refused},
                      {"refused_named", std::move(named)},
                      {"documents", comparison_json(moved.compared)}};
  object["error"] = moved.failure ? json::value(moved.failure->message) : json::value();
  return object;
}

// Names are other people's text.
std::string shown(const store::CollectionKey& key) {
  return blank_control_characters(key.tenant + "/" + key.name);
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
    for (const std::string& name : compared.named) {
      fmt::print("    {}\n", blank_control_characters(name));
    }
    const std::uint64_t all = compared.missing + compared.different;
    if (all > compared.named.size()) fmt::print("    … {} in all\n", all);
  }
  if (compared.extra > 0) {
    fmt::print("  {} more there, which --prune removes\n", compared.extra);
  }
}

void print_collection(const MovedCollection& moved, bool copied) {
  fmt::print("{}", shown(moved.collection.key));
  if (copied) {
    fmt::print(": {} copied, {} unchanged", moved.copied.copied, moved.copied.unchanged);
    if (moved.copied.refused > 0) fmt::print(", {} refused", moved.copied.refused);
    if (moved.pruned > 0) fmt::print(", {} removed", moved.pruned);
  }
  fmt::print("\n");
  if (moved.failure) {
    fmt::print("  not copied: {}\n", blank_control_characters(moved.failure->message));
  }
  for (const migration::Refused& each : moved.copied.named) {
    fmt::print("  refused: {}\n",
               blank_control_characters(each.document_id + ": " + each.error.message));
  }
  print_comparison("documents", moved.compared);
}

} // namespace

bool MigrationReport::is_same() const {
  const auto same = [](const MovedCollection& moved) { return moved.compared.is_same(); };
  return std::ranges::all_of(collections, same) && compared_records.is_same();
}

json::object migration_json(const MigrationReport& report) {
  json::array collections;
  for (const MovedCollection& moved : report.collections) {
    collections.push_back(collection_json(moved));
  }
  json::array extra;
  for (const store::CollectionKey& key : report.extra) {
    extra.push_back(json::object{{"tenant", key.tenant}, {"collection", key.name}});
  }
  return {{"from", report.from},
          {"to", report.to},
          {"same", report.is_same()},
          {"collections", std::move(collections)},
          {"extra_collections", std::move(extra)},
          {"records", json::object{{"copied", report.records.copied},
                                   {"unchanged", report.records.unchanged},
                                   {"pruned", report.records_pruned},
                                   {"compared", comparison_json(report.compared_records)}}}};
}

void print_migration(const MigrationReport& report) {
  fmt::print("{} → {}\n", report.from, report.to);
  for (const MovedCollection& moved : report.collections) print_collection(moved, report.copied);
  fmt::print("records (API keys, conversations, jobs)");
  if (report.copied) {
    fmt::print(": {} copied, {} unchanged", report.records.copied, report.records.unchanged);
    if (report.records_pruned > 0) fmt::print(", {} removed", report.records_pruned);
  }
  fmt::print("\n");
  print_comparison("records", report.compared_records);
  for (const store::CollectionKey& key : report.extra) {
    fmt::print("only there: collection {}, which --prune removes\n", shown(key));
  }
}

} // namespace raglan::app

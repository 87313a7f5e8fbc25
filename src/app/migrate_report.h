// What became of a migration (migrate.cpp), as JSON and for people.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "migration/compare.h"
#include "migration/copy.h"

namespace raglan::app {

struct MovedCollection {
  store::StoredCollection collection; // as it was when it began
  migration::CopyCounts copied;
  std::optional<Error> failure; // why it could not be copied at all
  std::uint64_t pruned = 0;
  migration::Comparison compared;
};

struct MigrationReport {
  std::string from; // names of the stores, without passwords
  std::string to;
  bool copied = false; // else they were compared only
  std::vector<MovedCollection> collections;
  migration::RecordCounts records;
  std::uint64_t records_pruned = 0;
  migration::Comparison compared_records;
  std::vector<store::CollectionKey> extra; // that only the other store holds

  // Whether the other store holds all that the first one does.
  bool is_same() const;
};

boost::json::object migration_json(const MigrationReport& report);
void print_migration(const MigrationReport& report);

} // namespace raglan::app

// Where `raglan ingest` puts documents: the node's API, over HTTP or in this process.
#pragma once

#include "app/api.h"
#include "ingest/sync.h"

namespace raglan::app {

class ApiIngestTarget final : public ingest::IngestTarget {
 public:
  explicit ApiIngestTarget(Api& api) : api_(api) {}

  Result<std::vector<ingest::DocumentStatus>> put(const std::string& collection,
                                                  std::span<const ingest::SourceDocument> documents,
                                                  bool dry_run) override;
  Result<std::vector<std::string>> list_ids(const std::string& collection,
                                            const std::string& source) override;
  Result<> remove(const std::string& collection, const std::string& id) override;

 private:
  Result<std::vector<ingest::DocumentStatus>> put_in_halves(
      const std::string& collection, std::span<const ingest::SourceDocument> documents,
      bool dry_run, Error too_large);

  Api& api_;
};

} // namespace raglan::app

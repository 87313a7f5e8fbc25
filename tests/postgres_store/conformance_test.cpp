#include "store/contents_conformance_test.h"
#include "store/records_conformance_test.h"
#include "store/store_conformance_test.h"

#include "replicated_fixture.h"

namespace raglan::store {
namespace {

class PostgresBackend final : public Backend {
 public:
  explicit PostgresBackend(net::EventLoops& loops) : database_(loops) {}
  static std::unique_ptr<Backend> make(net::EventLoops& loops) {
    return std::make_unique<PostgresBackend>(loops);
  }

  Store& open(EmbeddingSpace space) override {
    auto opened = database_.open(std::move(space));
    if (!opened) throw std::runtime_error(opened.error().message);
    stores_.push_back(std::move(*opened)); // those before are other processes
    return *stores_.back();
  }
  void stop() override { database_.stop(); }

 private:
  postgres_store::Database database_;
  std::vector<std::unique_ptr<postgres_store::PostgresStore>> stores_;
};

// Reads go to a standby: one that has applied each write when it is acknowledged, so that it
// answers nearly all of them, or one that never has, so that it can answer none that follows a
// write.
template <postgres_store::Replication kind>
class ReplicaBackend final : public Backend {
 public:
  explicit ReplicaBackend(net::EventLoops& loops) : database_(loops, kind) {}
  static std::unique_ptr<Backend> make(net::EventLoops& loops) {
    return std::make_unique<ReplicaBackend>(loops);
  }

  Store& open(EmbeddingSpace space) override { return database_.open(std::move(space)); }
  void stop() override { database_.stop(); }

 private:
  postgres_store::ReplicatedDatabase database_;
};

using postgres_store::Replication;
INSTANTIATE_TEST_SUITE_P(
    Postgres, StoreConformance,
    testing::Values(BackendKind{"server", &PostgresBackend::make},
                    BackendKind{"replica", &ReplicaBackend<Replication::kAtOnce>::make},
                    BackendKind{"late replica", &ReplicaBackend<Replication::kLate>::make}));

} // namespace
} // namespace raglan::store

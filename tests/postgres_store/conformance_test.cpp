#include "store/store_conformance_test.h"

#include "database_fixture.h"

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

INSTANTIATE_TEST_SUITE_P(Postgres, StoreConformance,
                         testing::Values(BackendKind{"server", &PostgresBackend::make}));

} // namespace
} // namespace raglan::store

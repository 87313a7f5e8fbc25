#include "store/contents_conformance_test.h"
#include "store/offloaded_store.h"
#include "store/records_conformance_test.h"
#include "store/store_conformance_test.h"
#include "store/store_fixture_test.h"

namespace raglan::store {
namespace {

class EmbeddedBackend final : public Backend {
 public:
  static std::unique_ptr<Backend> make(net::EventLoops&) {
    return std::make_unique<EmbeddedBackend>();
  }

  Store& open(EmbeddingSpace space) override {
    offloaded_.reset();
    embedded_.reset();
    embedded_ = open_store(folder_, {}, std::move(space));
    const net::Submit in_place = [](const std::function<void()>& work) {
      work();
      return true;
    };
    offloaded_ = std::make_unique<OffloadedStore>(
        OffloadedStore::Parts{*embedded_, in_place, in_place, SystemClock::instance()});
    return *offloaded_;
  }

 private:
  TemporaryFolder folder_;
  std::unique_ptr<EmbeddedStore> embedded_;
  std::unique_ptr<OffloadedStore> offloaded_;
};

INSTANTIATE_TEST_SUITE_P(Embedded, StoreConformance,
                         testing::Values(BackendKind{"file", &EmbeddedBackend::make}));

} // namespace
} // namespace raglan::store

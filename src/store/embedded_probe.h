// The embedded store's generation probe: a reading connection of its own that never waits.
//
// While nobody writes, a call compares a few bytes of memory that all processes on the file share
// (commit_stamp.h); after a write, it reads the collection's row once more.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "store/generation_probe.h"
#include "store/reader_pool.h"

namespace raglan::store {

class EmbeddedProbe final : public GenerationProbe {
 public:
  static Result<std::unique_ptr<GenerationProbe>> open(const std::filesystem::path& path,
                                                       std::uint64_t epoch) {
    auto connection = Connection::open(path, {}); // which does not wait
    if (!connection) return forward_error(connection);
    return std::unique_ptr<GenerationProbe>(new EmbeddedProbe(std::move(*connection), epoch));
  }

  Result<Generation> generation(const CollectionKey& key) override {
    auto row = reader_.collection(key);
    if (!row) return forward_error(row);
    return Generation{epoch_, row->seq, row->nonce};
  }

  Result<> check() override {
    if (auto ok = reader_.connection().check_place(); !ok) return ok;
    auto any = generation({});
    if (!any && any.error().code != ErrorCode::kNotFound) return forward_error(any);
    return {};
  }

 private:
  EmbeddedProbe(Connection connection, std::uint64_t epoch)
      : reader_(std::move(connection)), epoch_(epoch) {}

  Reader reader_;
  const std::uint64_t epoch_;
};

} // namespace raglan::store

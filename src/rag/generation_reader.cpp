#include "rag/generation_reader.h"

#include <utility>

namespace raglan::rag {

net::Task<Result<store::Generation>> GenerationReader::read(store::CollectionKey key,
                                                            const net::Submit& executor,
                                                            Deadline deadline, const Clock& clock) {
  if (auto probed = try_read(key)) co_return std::move(*probed);
  auto work = [this, key = std::move(key)] { return read_blocking(key); };
  co_return co_await net::offload(executor, std::move(work), deadline, clock);
}

std::optional<Result<store::Generation>> GenerationReader::try_read(
    const store::CollectionKey& key) {
  Probe probe = idle_.with([](std::vector<Probe>& idle) {
    if (idle.empty()) return Probe();
    Probe last = std::move(idle.back());
    idle.pop_back();
    return last;
  });
  if (probe == nullptr) return std::nullopt;
  auto generation = probe->generation(key);
  const bool told = generation || generation.error().code == ErrorCode::kNotFound;
  keep(std::move(probe));
  if (!told) return std::nullopt;
  return generation;
}

Result<store::Generation> GenerationReader::read_blocking(const store::CollectionKey& key) {
  const bool any = idle_.with([](const std::vector<Probe>& idle) { return !idle.empty(); });
  if (!any) {
    // Without one every read comes here, which is slower and not wrong.
    if (auto opened = store_.generation_probe(); opened && *opened) keep(std::move(*opened));
  }
  return store_.generation(key);
}

void GenerationReader::keep(Probe probe) {
  idle_.with([&](std::vector<Probe>& idle) {
    if (idle.size() < kMaxProbes) idle.push_back(std::move(probe));
  });
}

} // namespace raglan::rag

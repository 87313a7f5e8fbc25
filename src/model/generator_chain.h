// Several language models behind the seam of one: tried in their order, or in a random order by
// weight, until one writes.
//
// Whoever fails before its first piece of text makes room for the next: one attempt each, and
// nobody waits for a throttled one, but for the last, which is given all the time there is
// (GenerationRequest::last_resort). Once text has come there is no going on elsewhere.
//
// In order, what any but the first has written is a fallback's work and says so; by weight all are
// equals.
//
// Thread safety: as of Generator.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/guarded.h"
#include "base/rng.h"
#include "model/generator.h"

namespace raglan::model {

enum class ChainOrder : std::uint8_t { kAsGiven, kByWeight };

class GeneratorChain final : public Generator {
 public:
  struct Link {
    std::unique_ptr<Generator> generator;
    double weight = 1;
  };

  // At least one link. `seed`: of the random orders.
  GeneratorChain(ChainOrder order, std::vector<Link> links, std::uint64_t seed);

  std::string_view id() const override { return id_; }
  std::string_view name() const override { return links_.front().generator->name(); }
  ModelTraits traits() const override; // of the weakest in each
  Result<> check() const override;     // the first that fails
  net::Task<Result<Generation>> generate(GenerationRequest request, OnText on_text) override;

 private:
  std::vector<std::size_t> next_order();

  const ChainOrder order_;
  const std::vector<Link> links_;
  const std::string id_;
  Guarded<Rng> rng_;
};

} // namespace raglan::model

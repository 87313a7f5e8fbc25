#include "model/generator_chain.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "base/hash.h"
#include "policy/weighted_order.h"

namespace raglan::model {
namespace {

std::string chain_id(ChainOrder order, const std::vector<GeneratorChain::Link>& links) {
  Hasher hasher;
  hasher.add(static_cast<std::uint64_t>(order));
  for (const auto& link : links) hasher.add(link.generator->id());
  return fmt::format("{}:{}", links.front().generator->name(), hasher.finish().hex().substr(0, 16));
}

// Whether another model may do better.
bool is_models_fault(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUnavailable:
    case ErrorCode::kUpstream:
    case ErrorCode::kOverloaded:
    case ErrorCode::kInvalidField: return true; // of its window, say
    default: return false;
  }
}

} // namespace

GeneratorChain::GeneratorChain(ChainOrder order, std::vector<Link> links, std::uint64_t seed)
    : order_(order), links_(std::move(links)), id_(chain_id(order_, links_)), rng_(seed) {}

ModelTraits GeneratorChain::traits() const {
  ModelTraits weakest;
  for (const Link& link : links_) {
    const ModelTraits traits = link.generator->traits();
    weakest.max_context_tokens = std::min(weakest.max_context_tokens, traits.max_context_tokens);
    weakest.needs_example = weakest.needs_example || traits.needs_example;
  }
  return weakest;
}

Result<> GeneratorChain::check() const {
  for (const Link& link : links_) {
    if (auto ok = link.generator->check(); !ok) return ok;
  }
  return {};
}

std::vector<std::size_t> GeneratorChain::next_order() {
  std::vector<std::size_t> order(links_.size());
  std::iota(order.begin(), order.end(), 0);
  if (order_ == ChainOrder::kAsGiven) return order;
  std::vector<double> weights;
  weights.reserve(links_.size());
  for (const Link& link : links_) weights.push_back(link.weight);
  return rng_.with([&](Rng& rng) { return policy::weighted_order(weights, rng); });
}

net::Task<Result<Generation>> GeneratorChain::generate(GenerationRequest request, OnText on_text) {
  bool begun = false;
  const OnText watched = [&](std::string_view piece) {
    begun = true;
    on_text(piece);
  };
  Result<Generation> made = fail(ErrorCode::kInternal, "no language model");
  const auto order = next_order();
  for (std::size_t place = 0; place < order.size(); ++place) {
    request.last_resort = place + 1 == order.size();
    made = co_await links_[order[place]].generator->generate(request, watched);
    if (made) made->fallback = order_ == ChainOrder::kAsGiven && place > 0;
    if (made || begun || !is_models_fault(made.error().code)) break;
  }
  co_return made;
}

} // namespace raglan::model

// A language model that is asked a second time when it has not begun to write for unusually long
// (policy/hedge.h). Whichever call writes first goes on, and the other is cancelled; nobody reads
// text of both. The second call is made only if it may be made at once: it waits for no quota and
// is not retried. When the first fails before it wrote, the second, if there is one, decides.
//
// Thread safety: as Generator. It must outlive the loops' last coroutine, as must the clock.
#pragma once

#include <memory>

#include "base/clock.h"
#include "base/guarded.h"
#include "model/generator.h"
#include "policy/hedge.h"

namespace raglan::model {

class HedgedGenerator final : public Generator {
 public:
  HedgedGenerator(std::unique_ptr<Generator> inner, policy::HedgeConfig config, const Clock& clock)
      : inner_(std::move(inner)), clock_(clock), hedge_(policy::Hedge(config)) {}

  std::string_view id() const override { return inner_->id(); }
  std::string_view name() const override { return inner_->name(); }
  ModelTraits traits() const override { return inner_->traits(); }
  Result<> check() const override { return inner_->check(); }
  net::Task<Result<Generation>> generate(GenerationRequest request, OnText on_text) override;

  policy::HedgeStatus status() const;

 private:
  struct Race;

  net::Task<Result<Generation>> race(GenerationRequest request, OnText on_text, Duration delay);
  void answered(MonotonicTime began);
  void decided(bool by_hedge);
  bool may_hedge(const GenerationRequest& request);

  const std::unique_ptr<Generator> inner_;
  const Clock& clock_;
  Guarded<policy::Hedge> hedge_;
};

} // namespace raglan::model

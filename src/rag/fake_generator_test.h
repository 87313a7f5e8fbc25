// A language model that writes what a test tells it to, when it tells it to.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/guarded.h"
#include "model/generator.h"
#include "net/completion.h"

namespace raglan::rag {

class FakeGenerator final : public model::Generator {
 public:
  std::string_view id() const override { return "fake-writer:1"; }
  std::string_view name() const override { return "fake-writer"; }
  Result<> check() const override { return {}; }

  net::Task<Result<model::Generation>> generate(model::GenerationRequest request,
                                                OnText on_text) override {
    ++calls;
    last_request.with([&](auto& last) { last = request; });
    if (is_for_rewriting && is_for_rewriting(request)) {
      if (rewriting_failure) co_return std::unexpected(*rewriting_failure);
      rewriting_request.with([&](auto& last) { last = request; });
      co_return model::Generation{.text = rewritten,
                                  .usage = {.prompt_tokens = 50, .completion_tokens = 9}};
    }
    const Leaving leaving{under_way};
    ++under_way;
    if (const auto wait = turns.with([](auto& left) { return std::exchange(left, {}); })) {
      if (auto ok = co_await model::wait_for_turn(request, *wait); !ok) co_return forward_error(ok);
    }
    model::Generation made{.model = std::string(name()), .fallback = is_fallback};
    for (const std::string& piece : pieces) {
      if (holding) {
        auto wait = [this](const net::Completion<void>& done) {
          held_.with([&](auto& held) { held.push_back(done); });
        };
        auto ok = co_await net::await_completion<void>(std::move(wait));
        if (!ok) co_return forward_error(ok);
      }
      made.text += piece;
      on_text(piece);
    }
    if (failure) co_return std::unexpected(*failure);
    made.usage = {.prompt_tokens = 100, .completion_tokens = pieces.size()};
    co_return made;
  }

  // Lets the next piece be written.
  void let_go_on() {
    while (!try_let_go_on()) std::this_thread::yield();
  }
  void let_all_end() {
    while (under_way > 0) {
      if (!try_let_go_on()) std::this_thread::yield();
    }
  }
  void await_held() const {
    while (held_.with([](const auto& held) { return held.empty(); })) std::this_thread::yield();
  }

  // Set before they are used.
  std::vector<std::string> pieces{"It reclaims ", "storage [1]."};
  std::optional<Error> failure; // after the pieces
  bool holding = false;
  bool is_fallback = false;

  // Of a question, where a test wants that (rag/question_rewriter.h).
  std::function<bool(const model::GenerationRequest&)> is_for_rewriting;
  std::string rewritten;
  std::optional<Error> rewriting_failure;
  Guarded<model::GenerationRequest> rewriting_request;

  // How long the next call waits for the provider's quota, before it writes.
  Guarded<std::optional<Duration>> turns;

  std::atomic<int> calls = 0;
  std::atomic<int> under_way = 0;
  Guarded<model::GenerationRequest> last_request;

 private:
  struct Leaving {
    std::atomic<int>& count;
    ~Leaving() { --count; }
  };
  bool try_let_go_on() {
    auto held = held_.with([](auto& waiting) { return std::exchange(waiting, {}); });
    for (const auto& each : held) each.deliver({});
    return !held.empty();
  }

  Guarded<std::vector<net::Completion<void>>> held_;
};

} // namespace raglan::rag

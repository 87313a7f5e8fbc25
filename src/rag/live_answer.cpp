#include "rag/live_answer.h"

#include <utility>

namespace raglan::rag {

template <typename Change>
void LiveAnswer::change(Change change) {
  const Waiters waiters = state_.with([&](State& state) {
    change(state.all);
    return std::exchange(state.waiters, {});
  });
  for (const auto& waiter : waiters) waiter.deliver({});
}

void LiveAnswer::begin(std::shared_ptr<const Answer> outline) {
  change([&](News& all) { all.outline = std::move(outline); });
}

void LiveAnswer::append(std::string_view text) {
  change([&](News& all) { all.text += text; });
}

void LiveAnswer::end() {
  change([](News& all) { all.ended = true; });
}

bool LiveAnswer::has_news(const News& all, bool seen_begin, std::size_t seen_bytes) {
  return all.ended || (all.outline && !seen_begin) || all.text.size() > seen_bytes;
}

net::Task<Result<LiveAnswer::News>> LiveAnswer::news(bool seen_begin, std::size_t seen_bytes,
                                                     Deadline deadline, const Clock& clock) {
  while (true) {
    std::optional<News> found;
    auto wait = [&](const net::Completion<void>& woken) {
      const Duration patience = deadline.remaining(clock.now());
      state_.with([&](State& state) {
        if (has_news(state.all, seen_begin, seen_bytes)) {
          found = {state.all.outline, state.all.text.substr(seen_bytes), state.all.ended};
        } else {
          state.waiters.push_back(woken);
        }
      });
      if (found) woken.deliver({});
      return patience;
    };
    auto ok = co_await net::await_within<void>(std::move(wait));
    if (found) co_return std::move(*found);
    if (!ok) co_return forward_error(ok);
  }
}

} // namespace raglan::rag

#include "postgres_store/upkeep.h"

#include <optional>
#include <utility>

#include "base/log.h"
#include "net/detach.h"
#include "postgres_store/collections.h"
#include "postgres_store/segments.h"
#include "postgres_store/vector_index.h"

namespace raglan::postgres_store {
namespace {

constexpr std::chrono::minutes kTidyTimeout{10};

void report(std::string_view what, const Error& error) {
  log_warning(what, {{"reason", error.message}});
}

} // namespace

void Upkeep::add(const boost::asio::any_io_executor& loop, const store::CollectionKey& collection) {
  const bool begun = state_.with([&](State& state) {
    if (state.waiting.size() >= kMaxWaiting || !state.known.insert(collection).second) return false;
    state.waiting.push_back(collection);
    return !std::exchange(state.tending, true);
  });
  if (begun) net::detach(loop, tend_all());
}

std::optional<store::CollectionKey> Upkeep::next() {
  return state_.with([](State& state) -> std::optional<store::CollectionKey> {
    if (state.waiting.empty()) {
      state.tending = false;
      return std::nullopt;
    }
    store::CollectionKey key = std::move(state.waiting.front());
    state.waiting.pop_front();
    state.known.erase(key); // what is written from now on may need another look
    return key;
  });
}

net::Task<void> Upkeep::tend_all() {
  while (const auto key = next()) {
    while (true) {
      auto worked = co_await tend(*key);
      if (!worked) report("a collection's upkeep failed", worked.error());
      if (!worked || !*worked) break;
    }
  }
}

net::Task<Result<bool>> Upkeep::tend(const store::CollectionKey& key) {
  const Deadline deadline = Deadline::after(kTidyTimeout, clock_.now());
  auto session = co_await client_.begin(deadline);
  if (!session) co_return forward_error(session);
  auto rows = co_await session->execute(select_collection(key), deadline);
  if (!rows) co_return forward_error(rows);
  auto row = read_collection(*rows);
  if (!row) co_return false; // deleted
  if (wants_index(*row)) sweep(co_await boost::asio::this_coro::executor);
  const TidyParts parts{executor_, clock_};
  co_return co_await tidy_segments(*session, parts, key.tenant, row->id, deadline);
}

void Upkeep::begin(const boost::asio::any_io_executor& loop) {
  state_.with([](State& state) { state.stays = true; });
  sweep(loop);
}

void Upkeep::sweep(const boost::asio::any_io_executor& loop) {
  const bool begun = state_.with([](State& state) {
    if (!state.stays) return false;
    state.sweep_again = true;
    return !std::exchange(state.sweeping, true);
  });
  if (begun) net::detach(loop, sweep_until_done());
}

net::Task<void> Upkeep::sweep_until_done() {
  while (true) {
    const bool again = state_.with([](State& state) {
      state.sweeping = std::exchange(state.sweep_again, false);
      return state.sweeping;
    });
    if (!again) co_return;
    auto worked = co_await sweep_once();
    if (!worked) report("the indexes of vectors could not be looked after", worked.error());
    if (worked && *worked) {
      state_.with([](State& state) { state.sweep_again = true; });
    }
  }
}

net::Task<Result<bool>> Upkeep::sweep_once() {
  const Deadline deadline = Deadline::after(kBuildTimeout, clock_.now());
  auto session = co_await client_.begin(deadline);
  if (!session) co_return forward_error(session);
  co_return co_await tend_indexes(*session, deadline);
}

} // namespace raglan::postgres_store

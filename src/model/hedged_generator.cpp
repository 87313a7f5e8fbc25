#include "model/hedged_generator.h"

#include <array>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <utility>

#include "net/completion.h"
#include "net/pause.h"

namespace raglan::model {
namespace asio = boost::asio;

namespace {

// Waits for the quota as `wait` does; the call begins after that.
net::Task<Result<>> wait_and_begin(const GenerationRequest& request, Duration wait,
                                   const Clock& clock, MonotonicTime& began) {
  auto ok = co_await wait_for_turn(request, wait);
  began = clock.now();
  co_return ok;
}

std::size_t waiting(const GenerationRequest& request) {
  return request.waiting ? request.waiting() : 0;
}

} // namespace

// The calls of one request, on its loop. They keep it alive, as does who waits for the answer.
struct HedgedGenerator::Race : std::enable_shared_from_this<Race> {
  enum Which : std::uint8_t { kFirst, kHedge };
  using Done = net::Completion<Generation>;

  Race(HedgedGenerator& owner, const asio::any_io_executor& loop, GenerationRequest asked,
       OnText reader, Duration hedge_delay)
      : generator(owner),
        delay(hedge_delay),
        timer(loop),
        request(std::move(asked)),
        on_text(std::move(reader)),
        began(owner.clock_.now()) {}

  // What runs has `done`, and the race has not: destroyed with its loop it leaves nobody waiting.
  void start(Which which, const Done& done) {
    running[which] = true;
    hedged = hedged || which == kHedge;
    auto over = [race = shared_from_this(), which, done](const std::exception_ptr& thrown,
                                                         Result<Generation> made) {
      if (thrown) made = fail(ErrorCode::kInternal, "internal error");
      race->ended(which, std::move(made), done);
    };
    asio::co_spawn(timer.get_executor(), call(shared_from_this(), which, done),
                   asio::bind_cancellation_slot(cancel[which].slot(), std::move(over)));
  }

  static net::Task<Result<Generation>> call(std::shared_ptr<Race> race, Which which, Done done) {
    GenerationRequest request = race->request;
    if (which == kHedge) request.last_resort = false;
    request.wait_for_turn = [&race, &done](Duration wait) { return race->hold(wait, done); };
    OnText show = [&race, which](std::string_view piece) { race->text(which, piece); };
    co_return co_await race->generator.inner_->generate(std::move(request), std::move(show));
  }

  void hedge_after(Duration wait, const Done& done) {
    timer.expires_after(wait);
    timer.async_wait([race = shared_from_this(), done](const boost::system::error_code& stopped) {
      const bool due = !stopped && !race->left && !race->ahead && race->running[kFirst];
      if (due && race->generator.may_hedge(race->request)) race->start(kHedge, done);
    });
  }

  // The first call waits for the provider's quota: that is not unusual, and no second call would be
  // faster. (In its place, as what gives it to others may be gone before this has heard of it.)
  net::Task<Result<>> hold(Duration wait, Done done) {
    timer.cancel();
    auto ok = co_await net::pause(wait);
    began = generator.clock_.now();
    if (ok && !left && !ahead && !hedged) hedge_after(delay, done);
    co_return ok;
  }

  void text(Which which, std::string_view piece) {
    if (!ahead) {
      ahead = which;
      generator.answered(began);
      stop(which == kFirst ? kHedge : kFirst);
    }
    if (ahead == which && on_text) on_text(piece);
  }

  void ended(Which which, Result<Generation> made, const Done& done) {
    running[which] = false;
    const bool other_runs = running[which == kFirst ? kHedge : kFirst];
    const bool decides = ahead ? ahead == which : made.has_value() || !other_runs;
    if (which == kFirst) first = made;
    if (!decides) return;
    // What the first one failed with says more than that the second could not be made.
    const bool both_failed = !ahead && !made && first;
    done.deliver(both_failed ? std::move(*first) : std::move(made));
  }

  // Nobody reads any more.
  void leave() {
    left = true;
    on_text = nullptr;
    if (hedged) generator.decided(ahead == kHedge);
    stop(kFirst);
    stop(kHedge);
  }

  void stop(Which which) {
    timer.cancel();
    if (running[which]) cancel[which].emit(asio::cancellation_type::terminal);
  }

  HedgedGenerator& generator;
  const Duration delay;
  asio::steady_timer timer;
  const GenerationRequest request;
  OnText on_text; // empty once nobody reads
  MonotonicTime began;
  std::array<asio::cancellation_signal, 2> cancel;
  std::array<bool, 2> running{};
  bool hedged = false;
  bool left = false;
  std::optional<Which> ahead;              // whose text is read
  std::optional<Result<Generation>> first; // what the first call came to
};

net::Task<Result<Generation>> HedgedGenerator::generate(GenerationRequest request, OnText on_text) {
  const auto delay = hedge_.with([&](policy::Hedge& hedge) {
    hedge.look(waiting(request), clock_.now());
    return hedge.begin();
  });
  if (delay) co_return co_await race(std::move(request), std::move(on_text), *delay);
  bool begun = false;
  MonotonicTime began = clock_.now();
  OnText watched = [&](std::string_view piece) {
    if (!std::exchange(begun, true)) answered(began);
    on_text(piece);
  };
  GenerationRequest inner = request;
  inner.wait_for_turn = [&](Duration wait) { return wait_and_begin(request, wait, clock_, began); };
  co_return co_await inner_->generate(std::move(inner), std::move(watched));
}

net::Task<Result<Generation>> HedgedGenerator::race(GenerationRequest request, OnText on_text,
                                                    Duration delay) {
  const auto loop = co_await asio::this_coro::executor;
  const auto calls =
      std::make_shared<Race>(*this, loop, std::move(request), std::move(on_text), delay);
  auto begin = [&calls, delay](const net::Completion<Generation>& done) {
    calls->start(Race::kFirst, done);
    calls->hedge_after(delay, done);
  };
  auto made = co_await net::await_completion<Generation>(std::move(begin));
  calls->leave();
  co_return made;
}

void HedgedGenerator::answered(MonotonicTime began) {
  const Duration took = clock_.now() - began;
  hedge_.with([took](policy::Hedge& hedge) { hedge.answered(took); });
}

void HedgedGenerator::decided(bool by_hedge) {
  hedge_.with([by_hedge](policy::Hedge& hedge) { hedge.decided(by_hedge); });
}

bool HedgedGenerator::may_hedge(const GenerationRequest& request) {
  return hedge_.with(
      [&](policy::Hedge& hedge) { return hedge.allows(waiting(request), clock_.now()); });
}

policy::HedgeStatus HedgedGenerator::status() const {
  return hedge_.with([this](const policy::Hedge& hedge) { return hedge.status(clock_.now()); });
}

} // namespace raglan::model

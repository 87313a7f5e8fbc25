#include "cache/purge_follower.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/read_number.h"
#include "net/detach.h"
#include "net/pause.h"

namespace raglan::cache {
namespace {

std::optional<std::uint64_t> parse_count(std::string_view text) {
  std::uint64_t count = 0;
  return read_number(text, count) ? std::optional(count) : std::nullopt;
}

struct Counted {
  std::uint64_t before = 0;
  std::optional<std::uint64_t> number; // none: it was not counted
  std::string_view purge;
};

// "BEFORE NUMBER PURGE", or "- PURGE".
std::optional<Counted> parse_counted(std::string_view text) {
  const auto word = [&text] {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view first = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return first;
  };
  const std::string_view first = word();
  if (first == "-") return Counted{.purge = text};
  const auto before = parse_count(first);
  const auto number = parse_count(word());
  if (!before || !number) return std::nullopt;
  return Counted{*before, *number, text};
}

} // namespace

// The number of the last purge this node knows of. Belongs to the subscriber's loop.
class PurgeFollower::Count : public std::enable_shared_from_this<Count> {
 public:
  Count(redis::Client& client, Events events, Timing timing)
      : client_(client), events_(std::move(events)), timing_(timing) {}

  void on_message(std::string_view text) {
    const auto counted = parse_counted(text);
    if (!counted) return; // not ours
    if (counted->number) {
      const bool missed = known_ != counted->before;
      known_ = counted->number;
      if (missed) events_.on_missed();
    }
    if (auto purge = parse_purge(counted->purge)) events_.on_purge(std::move(*purge));
  }

  // From when the subscription stands until it stands anew. That Redis does not say the number says
  // nothing of purges: it is asked again.
  net::Task<void> compare() {
    const auto self = shared_from_this();
    const std::uint64_t round = ++round_;
    const auto over = [&] { return closed_ || round != round_; };
    for (bool first = true; !over();) {
      const auto before = known_;
      redis::Command get("GET", client_.name(kPurgeCountKey));
      auto reply = co_await client_.command(std::move(get), Deadline());
      if (over()) co_return;
      if (reply) {
        const auto text = reply->string();
        const auto there = text ? parse_count(*text) : 0;
        // A message that comes meanwhile has the number before it, and tells by itself.
        const bool differs = known_ == before && (!known_ || there != known_);
        if (differs && !first && !co_await net::pause(timing_.on_its_way)) co_return;
        if (over()) co_return;
        if (differs && known_ == before) {
          known_ = there;
          events_.on_missed();
        }
        first = false;
      }
      if (!co_await net::pause(reply ? timing_.compare_every : kAskAgain)) co_return;
    }
  }

  void close() { closed_ = true; }

 private:
  static constexpr std::chrono::milliseconds kAskAgain{1'000};

  redis::Client& client_;
  const Events events_;
  const Timing timing_;
  std::optional<std::uint64_t> known_;
  std::uint64_t round_ = 0; // of `compare`: the latest alone goes on
  std::atomic<bool> closed_ = false;
};

PurgeFollower::PurgeFollower(redis::Client& client, redis::SubscriberConfig config, Events events,
                             net::EventLoops& loops, std::size_t loop, Timing timing)
    : count_(std::make_shared<Count>(client, std::move(events), timing)),
      subscriber_(
          client, config, {client.name(kPurgeChannel)},
          {.on_subscribed = [count = count_,
                             executor =
                                 loops.executor(loop)] { net::detach(executor, count->compare()); },
           .on_message = [count = count_](std::string_view,
                                          std::string_view text) { count->on_message(text); }},
          loops, loop) {}

PurgeFollower::~PurgeFollower() { count_->close(); }

} // namespace raglan::cache

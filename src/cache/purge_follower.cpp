#include "cache/purge_follower.h"

#include <atomic>
#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>

#include "net/detach.h"

namespace raglan::cache {
namespace {

std::optional<std::uint64_t> parse_count(std::string_view text) {
  std::uint64_t count = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, count);
  if (error != std::errc() || stop != end) return std::nullopt;
  return count;
}

} // namespace

// How many purges this node knows of. Belongs to the subscriber's loop.
class PurgeFollower::Count : public std::enable_shared_from_this<Count> {
 public:
  Count(redis::Client& client, Events events) : client_(client), events_(std::move(events)) {}

  void on_message(std::string_view text) {
    const auto blank = text.find(' ');
    const auto number = parse_count(text.substr(0, blank));
    if (!number) return; // not ours
    const bool missed = !known_ || *number > *known_ + 1;
    known_ = std::max(*number, known_.value_or(0));
    if (missed) events_.on_missed();
    if (auto purge = parse_purge(text.substr(blank + 1))) events_.on_purge(std::move(*purge));
  }

  net::Task<void> compare() {
    const auto self = shared_from_this();
    auto reply =
        co_await client_.command(redis::Command("GET", client_.name(kPurgeCountKey)), Deadline());
    if (closed_) co_return;
    std::optional<std::uint64_t> there;
    if (reply && !reply->is_error()) {
      const auto text = reply->string();
      there = text ? parse_count(*text) : 0;
    }
    const bool missed = !known_ || there != known_;
    known_ = there;
    if (missed) events_.on_missed();
  }

  void close() { closed_ = true; }

 private:
  redis::Client& client_;
  const Events events_;
  std::optional<std::uint64_t> known_;
  std::atomic<bool> closed_ = false;
};

PurgeFollower::PurgeFollower(redis::Client& client, redis::SubscriberConfig config, Events events,
                             net::EventLoops& loops, std::size_t loop)
    : count_(std::make_shared<Count>(client, std::move(events))),
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

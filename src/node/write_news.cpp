#include "node/write_news.h"

#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>

#include "base/json_text.h"
#include "net/detach.h"

namespace raglan::node {
namespace json = boost::json;
namespace {

constexpr std::string_view kChannel = "{written}";
constexpr std::chrono::seconds kTimeout{1};

} // namespace

void WriteAnnouncer::announce(const store::CollectionKey& key) {
  if (++under_way_ > kMaxUnderWay) {
    --under_way_;
    return;
  }
  net::detach(loops_.next(), publish(write_text(key)));
}

net::Task<void> WriteAnnouncer::publish(std::string text) {
  const struct Leaving {
    std::atomic<int>& under_way;
    ~Leaving() { --under_way; }
  } leaving{under_way_};
  redis::Command command("PUBLISH", client_.name(kChannel), text);
  (void)co_await client_.command(std::move(command), Deadline::after(kTimeout, clock_.now()));
}

std::string write_text(const store::CollectionKey& key) {
  return json_text(json::array{key.tenant, key.name});
}

std::optional<store::CollectionKey> parse_write(std::string_view text) {
  boost::system::error_code failure;
  const json::value value = json::parse(text, failure);
  const json::array* parts = failure ? nullptr : value.if_array();
  if (parts == nullptr || parts->size() != 2) return std::nullopt;
  const json::string* tenant = parts->front().if_string();
  const json::string* name = parts->back().if_string();
  if (tenant == nullptr || name == nullptr) return std::nullopt;
  return store::CollectionKey{std::string(*tenant), std::string(*name)};
}

WriteFollower::WriteFollower(redis::Client& client, redis::SubscriberConfig config, Events events,
                             net::EventLoops& loops, std::size_t loop)
    : subscriber_(
          client, config, {client.name(kChannel)},
          {.on_subscribed = events.on_doubt,
           .on_lost = events.on_doubt,
           .on_message =
               [on_write = std::move(events.on_write)](std::string_view, std::string_view text) {
                 if (const auto key = parse_write(text)) on_write(*key);
               }},
          loops, loop) {}

} // namespace raglan::node

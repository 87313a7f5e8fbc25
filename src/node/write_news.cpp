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

net::Task<void> publish(redis::Client& client, std::string text) {
  redis::Command command("PUBLISH", client.name(kChannel), text);
  const Deadline deadline = Deadline::after(kTimeout, SystemClock::instance().now());
  (void)co_await client.command(std::move(command), deadline);
}

} // namespace

void announce_write(redis::Client& client, const boost::asio::any_io_executor& loop,
                    const store::CollectionKey& key) {
  net::detach(loop, publish(client, write_text(key)));
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

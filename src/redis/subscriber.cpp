#include "redis/subscriber.h"

#include <future>

#include "redis/subscription.h"

namespace raglan::redis {

void describe(config::Table<SubscriberConfig>& table) {
  using C = SubscriberConfig;
  using std::chrono::milliseconds;
  table
      .field("ping_interval", &C::ping_interval,
             "how often a silent connection is tried; it is given up after one to two of them")
      .min(milliseconds(10))
      .max(milliseconds(60'000));
}

Subscriber::Subscriber(Client& client, SubscriberConfig config, std::vector<std::string> channels,
                       SubscriberEvents events, net::EventLoops& loops, std::size_t loop)
    : loops_(loops),
      loop_(loop),
      subscription_(std::make_shared<Subscription>(client.dispatch_, config, std::move(channels),
                                                   std::move(events), loops.executor(loop))) {
  subscription_->start();
}

Subscriber::~Subscriber() {
  if (!loops_.running()) { // no thread has the loop
    subscription_->stop();
    return;
  }
  std::promise<void> stopped;
  loops_.post(loop_, [&] {
    subscription_->stop();
    stopped.set_value();
  });
  stopped.get_future().wait();
}

SubscriberStats Subscriber::stats() const { return subscription_->stats(); }

} // namespace raglan::redis

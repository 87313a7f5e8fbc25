#include "net/wakeup.h"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace raglan::net {

Task<void> Wakeup::sleep(Duration duration) {
  if (!woken_) {
    const auto timer = std::make_shared<boost::asio::steady_timer>(loop_, duration);
    timer_ = timer;
    boost::system::error_code woken;
    co_await timer->async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, woken));
  }
  woken_ = false;
}

void Wakeup::wake() {
  boost::asio::post(loop_, [this] {
    woken_ = true;
    if (const auto timer = timer_.lock()) timer->cancel();
  });
}

} // namespace raglan::net

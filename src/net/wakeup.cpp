#include "net/wakeup.h"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace raglan::net {

Task<void> Wakeup::sleep(Duration duration) {
  if (!woken_) {
    timer_.expires_after(duration);
    boost::system::error_code woken;
    co_await timer_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, woken));
  }
  woken_ = false;
}

void Wakeup::wake() {
  boost::asio::post(timer_.get_executor(), [this] {
    woken_ = true;
    timer_.cancel();
  });
}

} // namespace raglan::net

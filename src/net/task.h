// The coroutine type of everything that runs on an event loop.
//
// Never put a capturing lambda or a braced aggregate inside a co_await expression: g++ 12 destroys
// the temporary twice. Name it first. (clang is right, but the rule keeps both compilers usable.)
#pragma once

#include <boost/asio/awaitable.hpp>

namespace raglan::net {

template <typename T = void>
using Task = boost::asio::awaitable<T>;

} // namespace raglan::net

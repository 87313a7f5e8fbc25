#include "net/listener.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace raglan::net {
namespace {

using testing::HasSubstr;

int socket_option(int fd, int name) {
  int value = -1;
  socklen_t length = sizeof value;
  EXPECT_EQ(::getsockopt(fd, SOL_SOCKET, name, &value, &length), 0);
  return value;
}

bool can_connect(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool connected = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return connected;
}

TEST(Listener, PicksAFreePortAndSaysWhere) {
  const auto listener = Listener::open({});
  ASSERT_TRUE(listener.has_value());
  EXPECT_EQ(listener->address(), "127.0.0.1");
  EXPECT_TRUE(listener->is_loopback());
  EXPECT_FALSE(listener->is_v6());
  EXPECT_NE(listener->port(), 0);
  EXPECT_TRUE(can_connect(listener->port()));
}

TEST(Listener, TheWildcardIsNotLoopback) {
  const auto listener = Listener::open({.host = "0.0.0.0"});
  ASSERT_TRUE(listener.has_value());
  EXPECT_EQ(listener->address(), "0.0.0.0");
  EXPECT_FALSE(listener->is_loopback());
}

TEST(Listener, AllOf127IsLoopback) {
  const auto listener = Listener::open({.host = "127.8.9.10"});
  ASSERT_TRUE(listener.has_value());
  EXPECT_EQ(listener->address(), "127.8.9.10");
  EXPECT_TRUE(listener->is_loopback());
}

TEST(Listener, NamesAreResolved) {
  const auto listener = Listener::open({.host = "localhost"});
  ASSERT_TRUE(listener.has_value());
  EXPECT_TRUE(listener->is_loopback());
}

TEST(Listener, V6AddressesStandInBrackets) {
  const auto listener = Listener::open({.host = "::1"});
  if (!listener) {
    // A machine without IPv6 has nothing to bind; then the error must at least name the address.
    EXPECT_THAT(listener.error().message, HasSubstr("::1"));
    return;
  }
  EXPECT_EQ(listener->address(), "[::1]");
  EXPECT_TRUE(listener->is_v6());
  EXPECT_TRUE(listener->is_loopback());
}

TEST(Listener, ATakenPortIsAnErrorThatNamesIt) {
  const auto first = Listener::open({});
  ASSERT_TRUE(first.has_value());
  const auto second = Listener::open({.port = first->port()});
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(second.error().message, HasSubstr("127.0.0.1:" + std::to_string(first->port())));
  EXPECT_THAT(second.error().message, HasSubstr("Address already in use"));
}

TEST(Listener, AnUnknownHostIsAnErrorThatNamesIt) {
  const auto listener = Listener::open({.host = "999.1.1.1"});
  ASSERT_FALSE(listener.has_value());
  EXPECT_EQ(listener.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(listener.error().message, HasSubstr("999.1.1.1"));
}

// Otherwise a second server on the port would silently take part of the traffic.
TEST(Listener, DoesNotSharePorts) {
  const auto listener = Listener::open({});
  ASSERT_TRUE(listener.has_value());
  EXPECT_EQ(socket_option(listener->fd(), SO_REUSEPORT), 0);
}

TEST(Listener, DescriptorsDoNotBlockAndAreNotInherited) {
  const auto listener = Listener::open({});
  ASSERT_TRUE(listener.has_value());
  const auto copy = listener->duplicate();
  ASSERT_TRUE(copy.has_value());
  for (const int fd : {listener->fd(), copy->get()}) {
    EXPECT_NE(::fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
  }
  EXPECT_NE(copy->get(), listener->fd());
}

TEST(Listener, TheSocketListensUntilItsLastDescriptorIsClosed) {
  std::optional<Listener> listener;
  listener.emplace(Listener::open({}).value());
  const auto port = listener->port();
  auto copy = listener->duplicate();
  ASSERT_TRUE(copy.has_value());
  listener.reset();
  EXPECT_TRUE(can_connect(port));
  *copy = FileDescriptor();
  EXPECT_FALSE(can_connect(port));
}

TEST(Listener, MovingHandsTheDescriptorOver) {
  auto first = Listener::open({}).value();
  auto other = Listener::open({}).value();
  const int fd = first.fd();
  const auto replaced_port = other.port();
  other = std::move(first);
  EXPECT_EQ(other.fd(), fd);
  EXPECT_FALSE(can_connect(replaced_port));
  EXPECT_TRUE(can_connect(other.port()));
}

TEST(Listener, AnInheritedDescriptorIsUsedAsItIs) {
  const auto original = Listener::open({});
  ASSERT_TRUE(original.has_value());
  const int inherited = ::dup(original->fd());
  ::fcntl(inherited, F_SETFL, 0); // as a parent may leave it: blocking
  const auto listener = Listener::open({.port = 1, .inherited_fd = inherited});
  ASSERT_TRUE(listener.has_value());
  EXPECT_EQ(listener->fd(), inherited);
  EXPECT_EQ(listener->port(), original->port());
  EXPECT_TRUE(listener->is_loopback());
  EXPECT_NE(::fcntl(inherited, F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(::fcntl(inherited, F_GETFD) & FD_CLOEXEC, 0);
}

TEST(Listener, AnInheritedDescriptorMustBeAListeningSocket) {
  const int file = ::open("/dev/null", O_RDONLY);
  EXPECT_FALSE(Listener::open({.inherited_fd = file}).has_value());
  EXPECT_FALSE(Listener::open({.inherited_fd = 1'000'000}).has_value());
  const int unbound = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_FALSE(Listener::open({.inherited_fd = unbound}).has_value());
}

} // namespace
} // namespace raglan::net

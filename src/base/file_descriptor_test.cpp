#include "base/file_descriptor.h"

#include <fcntl.h>
#include <gtest/gtest.h>

namespace raglan {
namespace {

bool is_open(int descriptor) { return ::fcntl(descriptor, F_GETFD) >= 0; }
FileDescriptor open_one() { return FileDescriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

TEST(FileDescriptor, IsClosedWithItsOwner) {
  int number = -1;
  {
    const FileDescriptor file = open_one();
    number = file.get();
    EXPECT_TRUE(file && is_open(number));
  }
  EXPECT_FALSE(is_open(number));
}

TEST(FileDescriptor, MovesAndIsReleased) {
  FileDescriptor first = open_one();
  const int number = first.get();
  FileDescriptor second = std::move(first);
  EXPECT_FALSE(first); // NOLINT(bugprone-use-after-move)
  first = std::move(second);
  EXPECT_EQ(first.release(), number);
  EXPECT_FALSE(first);
  EXPECT_TRUE(is_open(number));
  ::close(number);
}

TEST(FileDescriptor, WhatItIsReplacedByClosesIt) {
  FileDescriptor file = open_one();
  const int number = file.get();
  FileDescriptor other = open_one();
  file = std::move(other);
  EXPECT_FALSE(is_open(number));
  EXPECT_TRUE(is_open(file.get()));
}

TEST(FileDescriptor, NoneIsFalse) {
  EXPECT_FALSE(FileDescriptor());
  EXPECT_FALSE(FileDescriptor(-1));
}

} // namespace
} // namespace raglan

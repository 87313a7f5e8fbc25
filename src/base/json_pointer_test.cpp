#include "base/json_pointer.h"

#include <gtest/gtest.h>

namespace raglan {
namespace {

TEST(JsonPointer, EscapesTildeAndSlashOfTheNameOnly) {
  EXPECT_EQ(json_pointer("", "a"), "/a");
  EXPECT_EQ(json_pointer("/x~1y", "a~b/c~1"), "/x~1y/a~0b~1c~01");
  EXPECT_EQ(json_pointer("/x", ""), "/x/");
}

} // namespace
} // namespace raglan

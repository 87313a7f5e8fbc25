#include "rag/words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace raglan::rag {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Words, AreRunsOfLettersAndDigitsAndWhateverIsNotAscii) {
  EXPECT_THAT(words_of("What's (TCP) port-5432, naïve?"),
              ElementsAre("What", "s", "TCP", "port", "5432", "naïve"));
  EXPECT_THAT(words_of("one"), ElementsAre("one"));
  EXPECT_THAT(words_of(""), IsEmpty());
  EXPECT_THAT(words_of(" ?!"), IsEmpty());
}

TEST(Words, LowerCaseIsThatOfAscii) { EXPECT_EQ(lower_case("ÄB c1Z"), "Äb c1z"); }

} // namespace
} // namespace raglan::rag

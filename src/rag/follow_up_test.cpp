#include "rag/follow_up.h"

#include <gtest/gtest.h>

namespace raglan::rag {
namespace {

using model::ChatMessage;
using model::ChatRole;

TEST(FollowUp, QuestionsThatPointBackOrGoOnOrNameNothingLean) {
  for (const std::string_view question :
       {"How tall is it?", "What do those cost?", "And the ferry?", "What about dogs?",
        "How does that work?", "Who built this?", "Is that true of bicycles?", "Why?", "How long?",
        "Since when?", "Could you?", "?", "WHERE ARE THEY KEPT?", "so the ferry waits?"}) {
    EXPECT_TRUE(leans_on_conversation(question)) << question;
  }
}

TEST(FollowUp, QuestionsThatNameTheirSubjectStandAlone) {
  for (const std::string_view question :
       {"When was the lighthouse built?", "lighthouse height", "vacuum",
        "Which boats must be pulled onto the slipway before a storm?",
        "What does the mast that carries the lamp weigh?", "How do I install this extension here?",
        "Was kostet die Fähre?", "Italian ships in the harbour", "What is the sort order?"}) {
    EXPECT_FALSE(leans_on_conversation(question)) << question;
  }
}

TEST(FollowUp, TheSubjectIsThatOfTheLastQuestionThatNamedOne) {
  const std::vector<ChatMessage> history{{ChatRole::kSystem, "Be brief, whatever it is."},
                                         {ChatRole::kUser, "When does the market open?"},
                                         {ChatRole::kAssistant, "At five [1]."},
                                         {ChatRole::kUser, "When was the lighthouse built?"},
                                         {ChatRole::kAssistant, "In 1847 [1]."},
                                         {ChatRole::kUser, "And who built it?"},
                                         {ChatRole::kAssistant, "No passage says."}};
  EXPECT_EQ(with_subject("How tall is it?", history),
            "When was the lighthouse built?\nHow tall is it?");
  EXPECT_EQ(with_subject("What does the ferry cost?", history), "What does the ferry cost?");
}

TEST(FollowUp, AQuestionThatGoesOnMayChangeTheSubject) {
  const std::vector<ChatMessage> history{{ChatRole::kUser, "When does the market open?"},
                                         {ChatRole::kUser, "And what about the lighthouse?"},
                                         {ChatRole::kUser, "Who built it?"}};
  EXPECT_EQ(with_subject("How tall is it?", history),
            "And what about the lighthouse?\nHow tall is it?");
}

TEST(FollowUp, WithNothingBeforeItAQuestionIsItself) {
  EXPECT_EQ(with_subject("How tall is it?", {}), "How tall is it?");
  const std::vector<ChatMessage> unasked{{ChatRole::kSystem, "Speak of the lighthouse."},
                                         {ChatRole::kAssistant, "Ask me of the lighthouse."}};
  EXPECT_EQ(with_subject("How tall is it?", unasked), "How tall is it?");
}

TEST(FollowUp, TheFirstQuestionIsTheSubjectWhenNoneStandsAlone) {
  const std::vector<ChatMessage> history{{ChatRole::kUser, "What is it that flashes?"},
                                         {ChatRole::kUser, "And why?"}};
  EXPECT_EQ(with_subject("How often?", history), "What is it that flashes?\nHow often?");
}

TEST(FollowUp, TogetherTheyAreNeverLongerThanASearchMayBe) {
  const std::string question = "How tall is it?";
  const auto together = [&](std::size_t bytes) {
    const std::vector<ChatMessage> history{{ChatRole::kUser, std::string(bytes, 'x')}};
    return with_subject(question, history).size();
  };
  EXPECT_EQ(together(8'000 - question.size()), 8'001u); // with the line's end between them
  EXPECT_EQ(together(8'001 - question.size()), question.size());
}

} // namespace
} // namespace raglan::rag

// Questions that lean on what was said before them: "And how tall is it?"
//
// Told by their words alone; a rule of thumb for where no language model rewrites them
// (rag/question_rewriter.h). A question leans on the conversation when it refers to something by a
// pronoun ("it", "those"), begins as a continuation ("and", "what about"), or names nothing ("since
// when?"). It is then searched for together with the last question before it that named
// something, so that the subject is among the words: historical query expansion (Lin et al.,
// "Multi-Stage Conversational Passage Retrieval: An Approach to Fusing Term Importance Estimation
// and Neural Query Rewriting", 2021), with a whole question in place of weighted terms.
//
// The words are English: a question in another language stands alone, unless it is punctuation.
//
// Pure; thread safe.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "model/generator.h"

namespace raglan::rag {

bool leans_on_conversation(std::string_view question);

// What to search for in the question's place: itself, when it stands alone or nothing was asked
// before. `history`: the messages before it, oldest first.
std::string with_subject(std::string_view question, std::span<const model::ChatMessage> history);

} // namespace raglan::rag

// The prompt of a grounded answer: instructions, passages, the conversation so far, the question.
//
//   Prompt prompt = build_prompt(question, history, sources, config);
//
// Passages are quotations from documents that somebody else wrote, and may try to give orders. They
// stand in the user's message between delimiters that carry a tag made from the texts themselves,
// so that none of them can end its own passage; the instructions, in the system message, say that
// nothing between them is an instruction. (Hines et al., "Defending Against Indirect Prompt
// Injection Attacks With Spotlighting", 2024: delimiting. It lowers the risk; no prompt removes it,
// and an answer's citations are checked as well: rag/citations.h.)
//
// A model of few parameters (ModelTraits::needs_example) cites when it has seen it done, and is
// confused by delimiters, long instructions and many passages: it gets a short system message, an
// example, and plain passages, at most kExamplePassages. It is not to be trusted with documents
// that somebody else wrote.
//
// It fits into the model's window: the oldest of the conversation goes first, beyond half of the
// room; then the passages ranked lowest. Tokens are estimated (model/token_estimate.h) and counted
// up by kTokenMargin. Of a single passage that is too long the beginning is kept.
//
// Pure; thread safe.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/table.h"
#include "model/generator.h"
#include "rag/query.h"

namespace raglan::rag {

struct PromptConfig {
  std::size_t context_tokens = 8'192; // the model's window
  std::size_t max_tokens = 512;       // of an answer
  std::string instructions;           // empty: kInstructions
};
void describe(config::Table<PromptConfig>& table);

// Raised with every change of the template: part of the keys of answers.
inline constexpr std::uint64_t kPromptVersion = 2;
inline constexpr double kTokenMargin = 1.2;
inline constexpr std::size_t kExamplePassages = 3;
extern const std::string_view kInstructions;

struct Prompt {
  std::vector<model::ChatMessage> messages;
  std::size_t passages = 0; // those of the sources, from the first, that are in it
  bool truncated = false;   // not all of the passages and the conversation are
};

struct PromptOptions {
  const PromptConfig& config;
  model::ModelTraits model;
  std::size_t max_tokens = 0; // left free for the answer
};

// How long an answer may be that was asked to have so many tokens: at most half of the window.
std::size_t answer_tokens(std::optional<std::size_t> asked, const PromptOptions& options);
// What a prompt of so many passages may cost, before they are known. `passage_tokens`: of the
// longest passage.
std::size_t most_prompt_tokens(std::string_view question,
                               std::span<const model::ChatMessage> history, std::size_t passages,
                               std::size_t passage_tokens, const PromptOptions& options);
// `history`: earlier messages of the conversation, oldest first.
Prompt build_prompt(std::string_view question, std::span<const model::ChatMessage> history,
                    std::span<const Source> sources, const PromptOptions& options);

} // namespace raglan::rag

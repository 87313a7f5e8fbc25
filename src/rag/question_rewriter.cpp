#include "rag/question_rewriter.h"

#include <algorithm>
#include <span>
#include <utility>

#include "base/log.h"
#include "base/utf8.h"
#include "model/token_estimate.h"
#include "rag/follow_up.h"
#include "rag/query_key.h"

namespace raglan::rag {
namespace {

using model::ChatMessage;
using model::ChatRole;

constexpr std::string_view kInstructions =
    "You are given a conversation and its last question. Write that question anew so that it can "
    "be understood without the conversation: put what they stand for in the place of pronouns, and "
    "add what was left out. Change nothing else, keep its language, and do not answer it. If it "
    "can be understood without the conversation already, repeat it. Reply with the question and "
    "nothing else.";
// Shown to all models: the small ones do as they are shown, and the others lose nothing.
constexpr std::string_view kExample =
    "User: Which port does PostgreSQL listen on?\nAssistant: On TCP port 5432.\n\n"
    "Last question: And how do I change it?";
constexpr std::string_view kExampleReply = "How do I change the port that PostgreSQL listens on?";

constexpr std::size_t kMaxMessages = 8;        // of the conversation, the newest
constexpr std::size_t kMaxMessageTokens = 160; // of each, the beginning
constexpr std::size_t kMaxAddedTokens = 96;    // to the question
constexpr std::size_t kMaxRewrittenBytes = 2'000;
constexpr std::size_t kRoomBytes = 500; // for what is added to a question

std::vector<ChatMessage> build_messages(const QueryRequest& request) {
  std::vector<const ChatMessage*> said;
  for (const ChatMessage& message : request.conversation->history) {
    if (message.role != ChatRole::kSystem) said.push_back(&message);
  }
  if (said.size() > kMaxMessages) said.erase(said.begin(), said.end() - kMaxMessages);
  std::string text;
  for (const ChatMessage* message : said) {
    text += message->role == ChatRole::kUser ? "User: " : "Assistant: ";
    text += model::first_tokens(message->text, kMaxMessageTokens);
    text += '\n';
  }
  text.append("\nLast question: ").append(request.query);
  return {{ChatRole::kSystem, std::string(kInstructions)},
          {ChatRole::kUser, std::string(kExample)},
          {ChatRole::kAssistant, std::string(kExampleReply)},
          {ChatRole::kUser, std::move(text)}};
}

std::size_t max_reply_tokens(const QueryRequest& request) {
  return model::estimate_tokens(request.query) + kMaxAddedTokens;
}

// The question in what the model wrote: its first line, without quotation marks. Empty when it
// holds none.
std::string question_in(std::string_view written) {
  const std::size_t begin = written.find_first_not_of(" \t\r\n");
  if (begin == written.npos) return "";
  written.remove_prefix(begin);
  written = written.substr(0, written.find_first_of("\r\n"));
  std::string question = normalise_query(written);
  const bool quoted = question.size() > 2 && question.front() == '"' && question.back() == '"';
  if (quoted) question = question.substr(1, question.size() - 2);
  return question.size() <= kMaxRewrittenBytes && is_valid_utf8(question) ? question : "";
}

// Raised with every change of the prompt.
constexpr std::uint64_t kRewritingVersion = 1;

// Of all that the model is told; and of the tenant, as nothing is shared between two.
Hash128 rewriting_key(const QueryRequest& request, std::span<const ChatMessage> told,
                      std::string_view generator_id) {
  Hasher hasher;
  hasher.add(kRewritingVersion).add(request.collection.tenant).add(generator_id);
  for (const ChatMessage& message : told) hasher.add(message.text);
  return hasher.finish();
}

Rewriting rewriting_by_model(const QueryRequest& request, std::string question,
                             model::GenerationUsage usage) {
  const bool changed = question != normalise_query(request.query);
  return {std::move(question), changed, RewrittenBy::kModel, usage};
}

Rewriting by_words(const QueryRequest& request) {
  std::string question = with_subject(request.query, request.conversation->history);
  const bool changed = question != request.query;
  return {std::move(question), changed, RewrittenBy::kWords};
}

} // namespace

void describe(config::Table<FollowUpConfig>& table) {
  using C = FollowUpConfig;
  table.choice("rewrite", &C::rewrite,
               "what makes a question of a conversation one that can be searched for: the language "
               "model, where there is one; the words of earlier questions; or nothing",
               {{"model", FollowUpRewriting::kModel},
                {"words", FollowUpRewriting::kWords},
                {"off", FollowUpRewriting::kOff}});
  table
      .field("timeout", &C::timeout,
             "the longest that the language model may take for it; then the words have to do")
      .min(std::chrono::milliseconds(10))
      .max(std::chrono::minutes(5));
}

bool QuestionRewriter::has_part_in(const QueryRequest& request) const {
  if (config_.rewrite == FollowUpRewriting::kOff || !request.conversation) return false;
  const auto is_question = [](const ChatMessage& message) {
    return message.role == ChatRole::kUser;
  };
  return std::ranges::any_of(request.conversation->history, is_question);
}

std::size_t QuestionRewriter::most_tokens(const QueryRequest& request) const {
  if (!has_part_in(request) || !uses_model()) return 0;
  std::size_t tokens = max_reply_tokens(request);
  for (const ChatMessage& message : build_messages(request)) {
    tokens += model::estimate_tokens(message.text);
  }
  return tokens;
}

std::optional<Rewriting> QuestionRewriter::find(const QueryRequest& request, const Hash128& key) {
  const bool asks_cache = request.cache == CacheMode::kUse || request.cache == CacheMode::kOnly;
  const auto question = asks_cache ? known_.find(key, parts_.clock.now()) : nullptr;
  if (!question) return std::nullopt;
  return rewriting_by_model(request, *question, {});
}

net::Task<Result<Rewriting>> QuestionRewriter::rewrite(const QueryRequest& request) {
  if (!uses_model()) co_return by_words(request);
  auto told = build_messages(request);
  const Hash128 key = rewriting_key(request, told, parts_.generator->id());
  if (auto known = find(request, key)) co_return std::move(*known);
  const bool busy =
      parts_.overload != nullptr && parts_.overload->service_for(request.tier).level > 0;
  const bool long_question = request.query.size() > kMaxRewrittenBytes - kRoomBytes;
  if (busy || long_question || request.cache == CacheMode::kOnly) co_return by_words(request);
  auto rewritten = co_await ask_model(request, std::move(told), key);
  if (rewritten) co_return rewritten;
  const ErrorCode code = rewritten.error().code;
  const MonotonicTime now = parts_.clock.now();
  if (code == ErrorCode::kClientClosed || request.deadline.expired(now)) co_return rewritten;
  if (const auto left_out = failures_.admit(now)) {
    log_warning("a follow-up question could not be rewritten, its words have to do",
                {{"code", error_code_name(code)}, {"left_out", *left_out}});
  }
  co_return by_words(request);
}

net::Task<Result<Rewriting>> QuestionRewriter::ask_model(const QueryRequest& request,
                                                         std::vector<ChatMessage> told,
                                                         const Hash128& key) {
  QueryRequest waiting = request;
  waiting.deadline = request.deadline.capped(config_.timeout, parts_.clock.now());
  std::optional<Overload::Place> place;
  if (parts_.overload != nullptr) {
    auto entered = co_await parts_.overload->enter(Overload::Work::kGeneration, waiting);
    if (!entered) co_return forward_error(entered);
    place.emplace(std::move(*entered));
  }
  model::GenerationRequest asked{.messages = std::move(told),
                                 .max_tokens = max_reply_tokens(request),
                                 .sampling = {.temperature = 0},
                                 .deadline = waiting.deadline,
                                 .tier = request.tier,
                                 .last_resort = false};
  if (request.model_asked) *request.model_asked = true;
  const model::Generator::OnText ignore = [](std::string_view) {};
  // The place goes without a report: a short call says nothing about how many long ones the model
  // takes.
  auto made = co_await parts_.generator->generate(std::move(asked), ignore);
  if (!made) co_return forward_error(made);
  std::string question = question_in(made->text);
  if (question.empty()) { // it was paid for all the same
    Rewriting rewriting = by_words(request);
    rewriting.usage = made->usage;
    co_return rewriting;
  }
  auto rewriting = rewriting_by_model(request, question, made->usage);
  const cache::EntryNotes notes{.calls = 1, .scope = scope_of(request.collection)};
  known_.insert(key, std::make_shared<const std::string>(std::move(question)),
                rewriting.question.size(), parts_.clock.now(), notes);
  co_return rewriting;
}

} // namespace raglan::rag

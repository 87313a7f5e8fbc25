// POST /v1/chat/completions in OpenAI's shapes: what is sent, and what is replied.
//
// The last message is the question, which is searched for; those before it are the conversation.
// "model" is "raglan" or the language model's own name; "raglan/NAME" asks the collection NAME, for
// clients that can only choose a model, others send "collection". Besides OpenAI's fields there are
// /v1/query's own: collection, top_k, filter, cache. What would change an answer and is not
// supported (tools, several choices, other formats than text) is refused, and not ignored.
//
// A reply has OpenAI's fields, each citation as an annotation of type url_citation, and one field
// more, "raglan", with the reply that /v1/query would give.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "rag/query.h"

namespace raglan::node {

inline constexpr std::string_view kChatModel = "raglan";
inline constexpr std::size_t kMaxChatMessages = 512;
inline constexpr std::size_t kMaxChatMessageBytes = 256 << 10; // of one that is not the question

struct ParsedChat {
  rag::QueryRequest request; // without a deadline yet
  bool stream = false;
  bool stream_usage = false;
};

// `generator`: the language model's name, empty without one.
Result<ParsedChat> parse_chat(std::string_view body, const std::string& tenant,
                              std::uint32_t default_top_k, std::string_view generator);

// What one completion's chunks, and the whole, have in common.
struct ChatIdentity {
  std::string id;
  std::int64_t created = 0; // seconds since 1970
  std::string model;
};
ChatIdentity chat_identity(const rag::QueryReply& reply, WallTime now);

// The answer; without one, as the language model failed, the passages, and says so.
std::string chat_content(const rag::Answer& answer);

std::string chat_completion_text(const ChatIdentity& identity, const rag::QueryReply& reply);

// Chunks of a stream: the role, then text, then the end; then, if asked for, the usage.
std::string chat_role_chunk(const ChatIdentity& identity);
std::string chat_text_chunk(const ChatIdentity& identity, std::string_view text);
std::string chat_end_chunk(const ChatIdentity& identity, const rag::QueryReply& reply);
std::string chat_usage_chunk(const ChatIdentity& identity, const rag::QueryReply& reply);

} // namespace raglan::node

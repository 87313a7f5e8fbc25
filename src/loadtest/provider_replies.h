// The bodies of the provider stand-in's answers, as its behaviour would have them.
//
// Thread safe: functions of their arguments. Errors are what a request is refused for:
// kMalformedRequest or kInvalidField.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "loadtest/provider_behaviour.h"

namespace raglan::loadtest {

struct EmbeddingsAnswer {
  std::size_t texts = 0;
  std::size_t tokens = 0;
  std::string body; // damaged, when that is the fault
};
Result<EmbeddingsAnswer> answer_embeddings(const ProviderBehaviour& behaviour,
                                           std::string_view request);

struct ChatAnswer {
  std::string model;
  std::vector<std::string> pieces;
  std::size_t prompt_tokens = 0;
  bool cut = false; // at max_tokens
  bool stream = false;
  bool stream_usage = false;
};
Result<ChatAnswer> answer_chat(std::string_view request);
// The whole answer, and one event's data of a stream: the nth piece, or, after the last, what ends
// it.
std::string chat_body(const ChatAnswer& answer);
std::string chat_piece(const ChatAnswer& answer, std::size_t n);
std::string chat_end(const ChatAnswer& answer);
std::string chat_usage(const ChatAnswer& answer);

// 200 and not JSON, or JSON that ends half-way, when that is the fault; else the body as it is.
std::string damaged(ProviderFault fault, std::string body);

} // namespace raglan::loadtest

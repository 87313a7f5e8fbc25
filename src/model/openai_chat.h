// The wire format of OpenAI's chat completions, as it is asked of a provider.
//
//   ChatReader reader(max_bytes);
//   while (…) if (auto ok = reader.feed(piece, on_text); !ok) …   // the bytes of a streamed answer
//   Result<Generation> made = reader.finish();                    // at its end
//
// Answers are checked: an error event, data that is not JSON, more bytes than the limit, or an end
// before the model said that it is done, is kUpstream. A reason to finish that is not known counts
// as kStop; a choice other than the first, and what is no text (tool calls, reasoning), is left
// out.
//
// Thread safety: none.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/sse_parser.h"
#include "model/generator.h"

namespace raglan::model {

// In what providers of this shape differ.
struct ChatDialect {
  enum class MaxTokens : std::uint8_t { kMaxTokens, kMaxCompletionTokens };
  MaxTokens max_tokens_field = MaxTokens::kMaxTokens;
  bool stream_usage = true; // asks for the counts of tokens at a stream's end
};

// The body of a request for a streamed answer.
std::string chat_request(std::string_view model, const GenerationRequest& request,
                         const ChatDialect& dialect = {});

class ChatReader {
 public:
  // `max_bytes`: of the text, and of one event.
  explicit ChatReader(std::size_t max_bytes) : max_bytes_(max_bytes), events_(max_bytes) {}

  Result<> feed(std::string_view bytes, const Generator::OnText& on_text);
  Result<Generation> finish();
  bool has_text() const { return !made_.text.empty(); }
  bool done() const { return done_; } // nothing more is to come

 private:
  Result<> read_event(std::string_view data, const Generator::OnText& on_text);

  const std::size_t max_bytes_;
  http::SseParser events_;
  Generation made_;
  bool finished_ = false; // the model has given its reason
  bool done_ = false;     // [DONE]
};

} // namespace raglan::model

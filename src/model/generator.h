// The seam behind which a language model writes: in another process here, or behind an API.
//
// Text comes piece by piece, as the model makes it, and is handed out at once. After the first
// piece nothing is asked again: whoever reads has seen it.
//
// Thread safety: `generate` may be called from any event loop, concurrently.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/deadline.h"
#include "base/result.h"
#include "net/task.h"
#include "policy/tier.h"

namespace raglan::model {

enum class ChatRole : std::uint8_t { kSystem, kUser, kAssistant };
std::string_view chat_role_name(ChatRole role);

struct ChatMessage {
  ChatRole role = ChatRole::kUser;
  std::string text;
  bool operator==(const ChatMessage&) const = default;
};

// How the next word is drawn; what is absent is left to the provider.
struct Sampling {
  std::optional<double> temperature;
  std::optional<double> top_p;
  std::optional<double> presence_penalty;
  std::optional<double> frequency_penalty;
  std::optional<std::int64_t> seed;
  std::vector<std::string> stop;
  bool operator==(const Sampling&) const = default;
};

struct GenerationRequest {
  std::vector<ChatMessage> messages;
  std::size_t max_tokens = 0;
  Sampling sampling;
  Deadline deadline;
  policy::Tier tier = policy::Tier::kPaid; // who goes first when the provider's quota is scarce
  // False: another model is asked when this one fails, so one attempt is enough, and no waiting.
  bool last_resort = true;
  std::function<std::size_t()> waiting; // how many others wait for a place; empty: nobody
  // How to wait for a turn in the provider's quota, giving one's place to others; empty: by a
  // pause.
  std::function<net::Task<Result<>>(Duration)> wait_for_turn;
};

enum class FinishReason : std::uint8_t { kStop, kLength, kContentFilter };
std::string_view finish_reason_name(FinishReason reason); // OpenAI's: "stop", …

struct GenerationUsage {
  std::size_t prompt_tokens = 0;
  std::size_t completion_tokens = 0;
};

// What was generated, whole.
struct Generation {
  std::string text;
  std::string model;     // which wrote it
  bool fallback = false; // and is not the one that was meant to
  FinishReason finish = FinishReason::kStop;
  GenerationUsage usage;
};

// As the request says.
net::Task<Result<>> wait_for_turn(const GenerationRequest& request, Duration wait);

// What a prompt has to heed.
struct ModelTraits {
  // Of the window, prompt and answer together; the largest number when that is not known.
  std::size_t max_context_tokens = std::numeric_limits<std::size_t>::max();
  // A model of few parameters does as it is shown, and not as it is told.
  bool needs_example = false;
};

class Generator {
 public:
  // Called with each piece of the text, on the loop of whoever generates; must not block.
  using OnText = std::function<void(std::string_view piece)>;

  virtual ~Generator() = default;

  // Part of every key under which an answer is kept: another id means other answers.
  virtual std::string_view id() const = 0;
  // What users call the model.
  virtual std::string_view name() const = 0;
  virtual ModelTraits traits() const { return {}; }
  // Makes no call, which would be paid for: kUnavailable while its breaker is open, and after the
  // key, the model or the address was refused, until a call succeeds.
  virtual Result<> check() const = 0;

  // Errors, of which none quotes what the provider says:
  //   kUnavailable       cannot be reached, or not asked at all because it kept failing; no answer
  //                      in time; the key or the model is refused
  //   kOverloaded        throttled for longer than the deadline allows
  //   kUpstream          5xx, an answer that is cut off or wrong
  //   kInvalidField      it refuses this request
  //   kDeadlineExceeded, kClientClosed (cancelled)
  virtual net::Task<Result<Generation>> generate(GenerationRequest request, OnText on_text) = 0;
};

} // namespace raglan::model

// An answer that is being written: its passages once they are known, then its text as it comes.
//
// One writer and any number of readers, who each see all of it from the beginning, however late
// they come, on whatever loop they run. The text is kept whole, which is what the answer itself
// will be, so a slow reader costs nothing more and slows nobody down.
//
// An answer that is there all at once (from a cache, or made of the passages' sentences) never
// begins; it only ends.
//
// Thread safety: all members, from any thread; `news` from event loops. The clock is the loops'
// timers.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/deadline.h"
#include "base/guarded.h"
#include "net/completion.h"
#include "rag/query.h"

namespace raglan::rag {

class LiveAnswer {
 public:
  // With everything of the answer but its text.
  void begin(std::shared_ptr<const Answer> outline);
  void append(std::string_view text);
  void end(); // idempotent

  struct News {
    std::shared_ptr<const Answer> outline; // null: it has not begun
    std::string text;                      // behind what was seen
    bool ended = false;
  };
  // Waits for something that a reader has not seen who knows that it has begun, or does not, and
  // has `seen_bytes` of its text. Errors: kDeadlineExceeded, kClientClosed.
  net::Task<Result<News>> news(bool seen_begin, std::size_t seen_bytes, Deadline deadline,
                               const Clock& clock);

 private:
  using Waiters = std::vector<net::Completion<void>>;
  struct State {
    News all;
    Waiters waiters;
  };
  static bool has_news(const News& all, bool seen_begin, std::size_t seen_bytes);
  template <typename Change>
  void change(Change change);

  Guarded<State> state_;
};

} // namespace raglan::rag

// Server-sent events as they arrive (WHATWG HTML, 9.2.6): bytes in any portions, events out.
//
//   SseParser parser(1 << 20);
//   for (const SseEvent& event : parser.feed(piece)) …
//   if (parser.overflowed()) …                     // an event longer than the limit
//
// Lines end in LF, CRLF or CR. Comments, `id` and `retry` are left out; so is an event without
// data. What the stream ends in the middle of is no event.
//
// Thread safety: none.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace raglan::http {

struct SseEvent {
  std::string event; // empty: a "message"
  std::string data;
};

class SseParser {
 public:
  explicit SseParser(std::size_t max_event_bytes) : max_event_bytes_(max_event_bytes) {}

  // The events that these bytes complete. Nothing after an overflow.
  std::vector<SseEvent> feed(std::string_view bytes);
  bool overflowed() const { return overflowed_; }

 private:
  void end_line(std::vector<SseEvent>& events);

  const std::size_t max_event_bytes_;
  std::string line_;
  SseEvent event_;
  bool has_data_ = false;
  bool after_cr_ = false;
  bool first_line_ = true; // which may begin with a byte order mark
  bool overflowed_ = false;
};

} // namespace raglan::http

#include "http/sse_parser.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"

namespace raglan::http {

std::vector<SseEvent> SseParser::feed(std::string_view bytes) {
  std::vector<SseEvent> events;
  while (!bytes.empty() && !overflowed_) {
    if (std::exchange(after_cr_, false) && bytes.front() == '\n') bytes.remove_prefix(1);
    const std::size_t end = bytes.find_first_of("\r\n");
    const std::string_view part = bytes.substr(0, end);
    if (line_.size() + event_.data.size() + part.size() > max_event_bytes_) {
      overflowed_ = true;
      break;
    }
    line_ += part;
    if (end == std::string_view::npos) break;
    after_cr_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    end_line(events);
  }
  return events;
}

void SseParser::end_line(std::vector<SseEvent>& events) {
  std::string_view line = line_;
  if (std::exchange(first_line_, false)) line = without_byte_order_mark(line);
  if (line.empty()) {
    if (has_data_) events.push_back(std::move(event_));
    event_ = {};
    has_data_ = false;
  } else {
    const std::string_view name = line.substr(0, line.find(':'));
    std::string_view value = line.substr(std::min(line.size(), name.size() + 1));
    if (value.starts_with(' ')) value.remove_prefix(1);
    if (name == "event") event_.event = value;
    if (name == "data") {
      if (std::exchange(has_data_, true)) event_.data += '\n';
      event_.data += value;
    }
  }
  line_.clear();
}

} // namespace raglan::http

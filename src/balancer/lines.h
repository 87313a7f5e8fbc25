// Cuts a stream into lines, however its pieces fall.
//
//   Lines lines(kMaxLineBytes);
//   if (auto ok = lines.add(piece); !ok) …
//   while (const auto line = lines.next()) …            // without its "\n"
//
// What comes behind the last "\n" waits for more.
//
// Thread safety: none.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace raglan::balancer {

class Lines {
 public:
  explicit Lines(std::size_t max_line_bytes) : max_line_bytes_(max_line_bytes) {}

  // kTooLarge: a line that has no end yet is longer than the bound.
  Result<> add(std::string_view piece) {
    text_.erase(0, begin_);
    searched_ -= begin_;
    begin_ = 0;
    text_ += piece;
    const std::size_t end = piece.rfind('\n');
    open_bytes_ = end == piece.npos ? open_bytes_ + piece.size() : piece.size() - end - 1;
    if (open_bytes_ <= max_line_bytes_) return {};
    return fail(ErrorCode::kTooLarge, "a line is longer than it may be");
  }

  // Valid until the next `add`.
  std::optional<std::string_view> next() {
    const std::size_t end = text_.find('\n', searched_);
    searched_ = end == text_.npos ? text_.size() : end + 1;
    if (end == text_.npos) return std::nullopt;
    const std::string_view line = std::string_view(text_).substr(begin_, end - begin_);
    begin_ = searched_;
    return line;
  }

 private:
  const std::size_t max_line_bytes_;
  std::string text_;
  std::size_t begin_ = 0;      // of the next line
  std::size_t searched_ = 0;   // before this there is no end of it
  std::size_t open_bytes_ = 0; // behind the last end
};

} // namespace raglan::balancer

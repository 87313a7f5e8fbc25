#include "ingest/progress.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace raglan::ingest {
namespace {

constexpr double kDoneForEta = 0.01; // before, the time that is left is anybody's guess
constexpr std::size_t kMinBar = 8;   // columns; a narrower bar is left out
constexpr std::size_t kMaxBar = 40;
constexpr std::string_view kClearLine = "\r\x1b[K";

double seconds_of(Duration duration) { return std::chrono::duration<double>(duration).count(); }

double done_ratio(const ProgressState& state) {
  const auto ratio = [](double done, double total) {
    return total > 0 ? std::clamp(done / total, 0.0, 1.0) : 1.0;
  };
  if (state.bytes_total > 0) {
    return ratio(static_cast<double>(state.bytes_done), static_cast<double>(state.bytes_total));
  }
  return ratio(static_cast<double>(state.documents_done),
               static_cast<double>(state.documents_total));
}

} // namespace

std::string clock_time(std::chrono::seconds duration) {
  const auto seconds = std::max<std::int64_t>(0, duration.count());
  if (seconds >= 3600) {
    return fmt::format("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
  }
  return fmt::format("{}:{:02}", seconds / 60, seconds % 60);
}

std::string Progress::line(const ProgressState& state, MonotonicTime now) const {
  const double elapsed = seconds_of(now - start_);
  const double done = done_ratio(state);
  std::string text = fmt::format("{:3.0f} %  {}/{} documents", done * 100, state.documents_done,
                                 state.documents_total);
  if (elapsed > 0 && state.chunks_done > 0) {
    text += fmt::format("  {:.0f} chunks/s", static_cast<double>(state.chunks_done) / elapsed);
  }
  if (done >= 1) {
    text += "  " + clock_time(std::chrono::seconds(static_cast<std::int64_t>(elapsed)));
  } else if (done >= kDoneForEta) {
    const double left = elapsed * (1 - done) / done;
    text += "  ETA " + clock_time(std::chrono::seconds(std::llround(left)));
  }
  if (!style_.terminal) return text;
  // The last column stays free: some terminals begin a new line behind it.
  const std::size_t taken = text.size() + 4;
  const std::size_t room = style_.columns > taken ? style_.columns - taken : 0;
  const std::size_t width = std::min(room, kMaxBar);
  if (width >= kMinBar) {
    const auto full = static_cast<std::size_t>(done * static_cast<double>(width));
    text = "[" + std::string(full, '#') + std::string(width - full, '.') + "] " + text;
  }
  return text.substr(0, std::max<std::size_t>(style_.columns, 1) - 1);
}

std::optional<std::string> Progress::update(const ProgressState& state, MonotonicTime now) {
  const auto interval = style_.terminal ? style_.terminal_interval : style_.plain_interval;
  const bool due = last_ ? now - *last_ >= interval : style_.terminal || now - start_ >= interval;
  if (!due) return std::nullopt;
  last_ = now;
  return style_.terminal ? std::string(kClearLine) + line(state, now) : line(state, now) + "\n";
}

std::string Progress::finish(const ProgressState& state, MonotonicTime now) const {
  return (style_.terminal ? std::string(kClearLine) : std::string()) + line(state, now) + "\n";
}

std::string Progress::interrupt() {
  if (!style_.terminal || !last_) return {};
  last_.reset();
  return std::string(kClearLine);
}

} // namespace raglan::ingest

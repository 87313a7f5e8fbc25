// How far a long run is, for a person who waits: a bar that is drawn over itself on a terminal, a
// plain line every few seconds elsewhere (a log, a CI job).
//
//   Progress progress({.terminal = isatty(2), .columns = 80}, clock.now());
//   if (auto text = progress.update(state, clock.now())) write_to_stderr(*text);
//   write_to_stderr(progress.finish(state, clock.now()));
//
// Pure: time is passed in and text is given back. Not thread safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"

namespace raglan::ingest {

struct ProgressState {
  std::size_t documents_done = 0;
  std::size_t documents_total = 0;
  std::size_t chunks_done = 0;
  // What the time that is left is guessed from: documents are of very different sizes.
  std::uint64_t bytes_done = 0;
  std::uint64_t bytes_total = 0;
};

struct ProgressStyle {
  bool terminal = false;
  std::size_t columns = 80;
  std::chrono::milliseconds terminal_interval{100};
  std::chrono::milliseconds plain_interval{5000};
};

class Progress {
 public:
  Progress(ProgressStyle style, MonotonicTime now) : style_(style), start_(now) {}

  // What is to be written now; nothing when the last text is recent. The first is due at once on a
  // terminal, and after an interval elsewhere.
  std::optional<std::string> update(const ProgressState& state, MonotonicTime now);
  // The last text: the bar's final state with a line break, or a last plain line.
  std::string finish(const ProgressState& state, MonotonicTime now) const;
  // Clears the bar, so that something else can be written; the next update draws it again.
  std::string interrupt();

 private:
  std::string line(const ProgressState& state, MonotonicTime now) const;

  ProgressStyle style_;
  MonotonicTime start_;
  std::optional<MonotonicTime> last_;
};

// "0:07", "12:30", "1:02:03".
std::string clock_time(std::chrono::seconds duration);

} // namespace raglan::ingest

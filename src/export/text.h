// The text of a configuration file, written line by line: verbatim blocks, lines with values, and
// comments that are broken to the width of a page.
//
//   Text text("#");
//   text.comment("How nodes are chosen.");
//   text.lines("upstream raglan {\n  least_conn;");
//   text.line("  server {};", authority(node));
//
// Values go into lines as they are: fleet.h says why that is safe.
//
// Thread safety: none; a value.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

#include "export/fleet.h"

namespace raglan::exporting {

class Text {
 public:
  // `mark` begins a comment: "#".
  explicit Text(std::string_view mark) : mark_(mark) {}

  template <typename... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    out_ += fmt::format(format, std::forward<Args>(args)...);
    out_ += '\n';
  }
  // As it is, with a line break behind it; one in front, as raw strings have it, is left out.
  void lines(std::string_view verbatim);
  void blank() { out_ += '\n'; }
  // Nothing for an empty text. `indent`: of blanks, before the mark.
  void comment(std::string_view text, std::size_t indent = 0);

  std::string take() { return std::move(out_); }

 private:
  std::string_view mark_;
  std::string out_;
};

// What each file begins with: what it is, where it goes (`place`, a sentence or more), and how far
// the strategy is Raglan's (`note`; empty: it is the same).
void begin(Text& text, const Fleet& fleet, std::string_view place, std::string_view note);

// For targets that compare the certificates of nodes with names alone: what that means where nodes
// with TLS are known by their addresses.
void warn_of_addresses(Text& text, const Fleet& fleet, std::size_t indent);

// "5s", or "1500ms" where it is no whole number of seconds: as nginx, HAProxy and Go have it.
std::string short_time(std::chrono::milliseconds time);
// "5s", "1.500s": as protocol buffers have it in JSON.
std::string proto_time(std::chrono::milliseconds time);
// Rounded up to a whole number, within bounds.
std::int64_t whole_seconds(std::chrono::milliseconds time, std::int64_t least = 0,
                           std::int64_t most = 24 * 3600);
// "5", "0.5".
std::string seconds(std::chrono::milliseconds time);

// How long an idle connection to a node is kept: shorter than the node keeps it
// (server.idle_timeout, 60 s), so that no request finds it closed. Raglan's balancer has the same.
inline constexpr std::chrono::seconds kNodeIdle{30};
// The longest stream, for targets that bound all of an answer and not its pauses.
inline constexpr std::chrono::hours kLongestStream{1};
// How long a node that is taken out may finish what it does: server.drain_timeout.
inline constexpr std::chrono::seconds kDrain{30};

} // namespace raglan::exporting

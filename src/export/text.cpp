#include "export/text.h"

#include <algorithm>

namespace raglan::exporting {
namespace {

constexpr std::size_t kWidth = 96;

} // namespace

void Text::lines(std::string_view verbatim) {
  if (verbatim.starts_with('\n')) verbatim.remove_prefix(1);
  out_ += verbatim;
  out_ += '\n';
}

void Text::comment(std::string_view text, std::size_t indent) {
  const std::string front = std::string(indent, ' ') + std::string(mark_);
  std::string line = front;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (line.size() + 1 + word.size() > kWidth && line != front) {
      out_ += line + '\n';
      line = front;
    }
    line += ' ';
    line += word;
  }
  if (line != front) out_ += line + '\n';
}

void begin(Text& text, const Fleet& fleet, std::string_view place, std::string_view note) {
  text.comment(fmt::format("Raglan: {} node{} behind one address.", fleet.nodes.size(),
                           fleet.nodes.size() == 1 ? "" : "s"));
  text.comment(place);
  text.comment(
      fmt::format("Strategy {}{}{}", policy::strategy_name(fleet.strategy),
                  note.empty() ? ": as Raglan's own balancer has it." : ", not the same: ", note));
}

void warn_of_addresses(Text& text, const Fleet& fleet, std::size_t indent) {
  if (!uses_tls(fleet) || !has_addresses(fleet)) return;
  text.comment(
      "Certificates are compared with names, and never with addresses: nodes that are given by "
      "their addresses are not connected to. Give their names.",
      indent);
}

std::string short_time(std::chrono::milliseconds time) {
  if (time.count() % 1000 == 0) return fmt::format("{}s", time.count() / 1000);
  return fmt::format("{}ms", time.count());
}

std::string proto_time(std::chrono::milliseconds time) {
  if (time.count() % 1000 == 0) return fmt::format("{}s", time.count() / 1000);
  return fmt::format("{}.{:03}s", time.count() / 1000, time.count() % 1000);
}

std::int64_t whole_seconds(std::chrono::milliseconds time, std::int64_t least, std::int64_t most) {
  return std::clamp<std::int64_t>(std::chrono::ceil<std::chrono::seconds>(time).count(), least,
                                  most);
}

std::string seconds(std::chrono::milliseconds time) {
  return fmt::format("{}", static_cast<double>(time.count()) / 1000.0);
}

} // namespace raglan::exporting

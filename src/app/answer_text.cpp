#include "app/answer_text.h"

#include <algorithm>

#include <fmt/format.h>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/control_characters.h"
#include "base/json_lookup.h"
#include "base/utf8.h"

namespace raglan::app {
namespace json = boost::json;
namespace {

constexpr std::size_t kWidth = 96;
constexpr std::size_t kExcerptBytes = 280;
constexpr std::string_view kIndent = "    ";

struct Style {
  std::string_view bold, dim, plain;
};
constexpr Style kColours{"\033[1m", "\033[2m", "\033[0m"};
constexpr Style kNoColours{"", "", ""};

// Control characters of a document must not reach the terminal.
std::string safe_text_at(const json::value& value, std::string_view name) {
  return blank_control_characters(text_at(value, name));
}

double total_ms(const json::value& reply) {
  const json::value* timings = member_at(reply, "timings_ms");
  return timings ? number_at(*timings, "total") : 0;
}

std::string excerpt(std::string_view text) {
  if (text.size() <= kExcerptBytes) return std::string(text);
  std::string_view cut = text.substr(0, utf8_boundary(text, kExcerptBytes));
  if (const auto blank = cut.find_last_of(" \n"); blank != cut.npos) cut = cut.substr(0, blank);
  return std::string(cut) + " …";
}

std::string source_text(const json::value& source, const Style& style) {
  std::string title = safe_text_at(source, "title_path");
  if (title.empty()) title = safe_text_at(source, "title");
  std::string file = safe_text_at(source, "uri");
  if (file.empty() || file.starts_with("file://")) file = safe_text_at(source, "document_id");
  std::string text = fmt::format("{}[{}]{} {}{}{}\n", style.bold, count_at(source, "n"),
                                 style.plain, style.bold, title, style.plain);
  text += fmt::format("{}{}{} bytes {}-{}, score {:.3f}{}\n", kIndent, style.dim, file,
                      count_at(source, "start"), count_at(source, "end"),
                      number_at(source, "score"), style.plain);
  return text + wrap_text(excerpt(safe_text_at(source, "text")), kWidth, kIndent);
}

std::string timings_text(const json::value& reply) {
  const json::object* stages = object_at(reply, "timings_ms");
  std::string text;
  if (stages == nullptr) return text;
  for (const auto& [stage, value] : *stages) {
    text +=
        fmt::format("{}{} {:.2f} ms", text.empty() ? "" : " · ", blank_control_characters(stage),
                    number_at(*member_at(reply, "timings_ms"), stage));
  }
  return text;
}

// Why a question has passages and no answer; empty when it has one, or none was asked for.
std::string model_failure(const json::value& reply) {
  const json::value* degraded = member_at(reply, "degraded");
  const json::array* reasons = degraded ? array_at(*degraded, "reasons") : nullptr;
  std::string all;
  for (const json::value& reason : reasons ? *reasons : json::array()) {
    if (!reason.is_string()) continue;
    const std::string_view name = reason.get_string();
    if (!name.starts_with("generator_") && !name.starts_with("context_")) continue;
    all += (all.empty() ? "" : ", ") + blank_control_characters(name);
  }
  const json::value* answer = member_at(reply, "answer");
  return answer && answer->is_null() ? all : std::string();
}

} // namespace

std::string wrap_text(std::string_view text, std::size_t width, std::string_view indent) {
  std::string lines;
  std::string line;
  const auto flush = [&] {
    if (!line.empty()) lines += fmt::format("{}{}\n", indent, line);
    line.clear();
  };
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(" \n\t"), text.size());
    const std::string_view word = text.substr(0, end);
    const bool line_break = end < text.size() && text[end] == '\n';
    if (!line.empty() && line.size() + 1 + word.size() > width) flush();
    if (!word.empty()) line += (line.empty() ? "" : " ") + std::string(word);
    if (line_break) flush();
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  flush();
  return lines;
}

std::string answer_text(const json::value& reply, bool colour) {
  const Style& style = colour ? kColours : kNoColours;
  std::string text;
  const std::string answer = safe_text_at(reply, "answer");
  if (!answer.empty()) text += wrap_text(answer, kWidth, "") + "\n";
  const json::value* found = member_at(reply, "found");
  const std::string failure = model_failure(reply);
  if (!failure.empty()) {
    text +=
        fmt::format("The language model has not answered ({}). The nearest passages:\n\n", failure);
  }
  const json::array* sources = array_at(reply, "sources");
  const bool any = sources != nullptr && !sources->empty();
  if (found != nullptr && *found == json::value(false) && any) text += "The nearest passages:\n\n";
  if (any) {
    for (const json::value& source : *sources) text += source_text(source, style);
    text += '\n';
  }
  if (const json::value* degraded = member_at(reply, "degraded"); degraded != nullptr) {
    const auto level = count_at(*degraded, "level");
    if (level > 0) text += fmt::format("answered at degradation level {}\n", level);
  }
  return text + fmt::format("{}{}{}\n", style.dim, timings_text(reply), style.plain);
}

std::string comparison_text(const json::value& first, const json::value& second) {
  const json::value* cache = member_at(second, "cache");
  const bool hit = cache != nullptr && text_at(*cache, "status") == "hit";
  const double before = total_ms(first);
  const double after = total_ms(second);
  if (!hit || after <= 0) return fmt::format("again: {:.2f} ms, not cached\n", after);
  return fmt::format("again: {:.3f} ms from the query cache, {:.0f} times as fast\n", after,
                     before / after);
}

} // namespace raglan::app

#include "rag/citations.h"

#include <charconv>
#include <optional>
#include <utility>

namespace raglan::rag {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Of "1, 3": at least one, none empty.
std::optional<std::vector<std::size_t>> numbers_of(std::string_view list) {
  std::vector<std::size_t> numbers;
  const char* at = list.data();
  const char* const end = at + list.size();
  while (true) {
    while (at != end && *at == ' ') ++at;
    std::size_t number = 0;
    const auto [stop, error] = std::from_chars(at, end, number);
    if (stop == at) return std::nullopt;
    // What no number holds, no passage has.
    numbers.push_back(error == std::errc() ? number : 0);
    at = stop;
    while (at != end && *at == ' ') ++at;
    if (at == end) return numbers;
    if (*at++ != ',') return std::nullopt;
  }
}

} // namespace

void CodeSpans::take(char c) {
  if (c == '\n') {
    constexpr std::size_t kBlock = 3;
    if (line_empty_ && fence_ < kBlock) fence_ = 0;
    line_empty_ = true;
  } else if (c != ' ' && c != '\t' && c != '\r') {
    line_empty_ = false;
  }
  if (c == '`') {
    ++backquotes_;
    return;
  }
  const std::size_t run = std::exchange(backquotes_, 0);
  if (run == 0) return;
  if (fence_ == 0) {
    fence_ = run;
  } else if (fence_ == run) {
    fence_ = 0;
  }
}

std::string CitationFilter::feed(std::string_view piece) {
  std::string out;
  for (const char c : piece) take(c, out);
  return out;
}

std::string CitationFilter::finish() {
  std::string out;
  release(out);
  return out;
}

void CitationFilter::take(char c, std::string& out) {
  code_.take(c);
  const bool inside = bracket_ != std::string::npos;
  if (inside && c == ']') {
    end_citation(out);
  } else if (inside && (is_digit(c) || c == ',' || c == ' ') && held_.size() < kMaxHeldBytes) {
    held_ += c;
  } else if (c == '[' && !code_.inside()) {
    if (inside) release(out);
    bracket_ = held_.size();
    held_ += c;
  } else if (c == ' ' && !code_.inside() && !inside && held_.size() < kMaxHeldBytes / 2) {
    held_ += c;
  } else {
    release(out);
    out += c;
  }
}

void CitationFilter::release(std::string& out) {
  out += std::exchange(held_, {});
  bracket_ = std::string::npos;
}

void CitationFilter::end_citation(std::string& out) {
  const auto numbers = numbers_of(std::string_view(held_).substr(bracket_ + 1));
  if (!numbers) {
    release(out);
    out += ']';
    return;
  }
  std::string shown;
  for (const std::size_t number : *numbers) {
    if (number >= 1 && number <= passages_) {
      shown += '[' + std::to_string(number) + ']';
    } else {
      ++removed_;
    }
  }
  if (!shown.empty()) out.append(held_, 0, bracket_).append(shown);
  held_.clear();
  bracket_ = std::string::npos;
}

std::vector<Citation> find_citations(std::string_view text, std::size_t passages) {
  std::vector<Citation> found;
  CodeSpans code;
  for (std::size_t open = 0; open < text.size(); ++open) {
    code.take(text[open]);
    if (text[open] != '[' || code.inside()) continue;
    const std::size_t close = text.find_first_not_of("0123456789", open + 1);
    if (close == text.npos || text[close] != ']') continue;
    std::uint32_t number = 0;
    const auto [stop, error] = std::from_chars(text.data() + open + 1, text.data() + close, number);
    if (error == std::errc() && number >= 1 && number <= passages) {
      found.push_back({number, open, close + 1});
    }
  }
  return found;
}

} // namespace raglan::rag

#include "ingest/title_outline.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"
#include "ingest/chunker.h"

namespace raglan::ingest {
namespace {

constexpr std::size_t kMaxPartBytes = 240;

} // namespace

std::string_view title_part(std::string_view heading) {
  return heading.substr(0, utf8_boundary(heading, kMaxPartBytes));
}

TitleOutline::TitleOutline(std::string_view title, std::size_t title_tokens) {
  nodes_.push_back({0, 0, title.empty() ? 0 : title_tokens, title});
}

TitleOutline::Node TitleOutline::enter(const Block& block, std::string_view name,
                                       std::size_t name_tokens) {
  const bool heading = block.kind == BlockKind::kHeading;
  const auto rank =
      static_cast<std::uint8_t>(heading ? block.level : kMaxHeadingLevel + block.level);
  const bool named = heading || block.kind == BlockKind::kTerm;
  // A term ends the terms beside and below it, a paragraph only those below.
  while (current_ != 0 && (named ? nodes_[current_].rank >= rank
                                 : nodes_[current_].rank > std::max(rank, kMaxHeadingLevel))) {
    current_ = nodes_[current_].parent;
  }
  if (!named) return current_;
  // A title such as "Glossary — Manual 3.11" says what the first heading says, which then stands
  // for it: above everything that follows, other headings of its level included.
  const bool first = !std::exchange(has_headings_, true);
  if (first && nodes_[0].name.starts_with(name)) {
    nodes_[0] = {0, 0, name_tokens + 1, name};
    return 0;
  }
  const std::size_t above = nodes_[current_].path_tokens;
  nodes_.push_back({current_, rank, above + name_tokens + 1, name});
  current_ = static_cast<Node>(nodes_.size() - 1);
  return current_;
}

TitleOutline::Node TitleOutline::common(Node a, Node b) const {
  while (a != b) {
    if (a > b) std::swap(a, b);
    b = nodes_[b].parent;
  }
  return a;
}

std::string TitleOutline::path(Node node, std::size_t max_tokens) const {
  std::vector<std::string_view> parts; // innermost first
  const std::size_t all = nodes_[node].path_tokens;
  for (Node at = node;; at = nodes_[at].parent) {
    const Entry& entry = nodes_[at];
    const std::size_t above = at == 0 ? 0 : nodes_[entry.parent].path_tokens;
    if (all - above > max_tokens) break;
    if (!entry.name.empty()) parts.push_back(entry.name);
    if (at == 0) break;
  }
  std::string path;
  for (std::size_t i = parts.size(); i-- > 0;) {
    if (!path.empty()) path += kTitleSeparator;
    const std::size_t start = path.size();
    path += parts[i];
    std::replace(path.begin() + static_cast<std::ptrdiff_t>(start), path.end(), '\n', ' ');
  }
  return path;
}

} // namespace raglan::ingest

#include <algorithm>
#include <array>

#include "base/utf8.h"
#include "ingest/charset.h"
#include "ingest/source_document.h"

namespace raglan::ingest {
namespace {

using std::string_view;

struct Suffix {
  string_view name;
  MediaType type;
};

constexpr std::array<Suffix, 14> kTextSuffixes{{
    {"html", MediaType::kHtml},
    {"htm", MediaType::kHtml},
    {"xhtml", MediaType::kHtml},
    {"md", MediaType::kMarkdown},
    {"markdown", MediaType::kMarkdown},
    {"mdown", MediaType::kMarkdown},
    {"mkd", MediaType::kMarkdown},
    {"txt", MediaType::kPlainText},
    {"text", MediaType::kPlainText},
    {"rst", MediaType::kPlainText},
    {"adoc", MediaType::kPlainText},
    {"org", MediaType::kPlainText},
    {"log", MediaType::kPlainText},
    {"tex", MediaType::kPlainText},
}};

// Pictures, archives and programs; and what is text by its bytes but nothing to read: style sheets,
// data, vector pictures.
constexpr auto kNeverText = std::to_array<string_view>(
    {"css",  "js",   "mjs", "map", "json", "xml",  "svg",  "csv",    "tsv",   "inv",   "po",
     "pot",  "lock", "ps",  "png", "jpg",  "jpeg", "gif",  "webp",   "ico",   "bmp",   "tif",
     "tiff", "mp3",  "mp4", "avi", "ogg",  "webm", "wav",  "woff",   "woff2", "ttf",   "otf",
     "eot",  "zip",  "gz",  "bz2", "xz",   "zst",  "tar",  "7z",     "jar",   "deb",   "rpm",
     "so",   "a",    "o",   "exe", "dll",  "bin",  "db",   "sqlite", "pyc",   "class", "pdf",
     "doc",  "docx", "odt", "xls", "xlsx", "ppt",  "pptx", "epub"});

// How much of a file is looked at when its name says nothing.
constexpr std::size_t kSniffedBytes = 4096;

std::string lower(string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  return out;
}

// In lower case; empty when there is none.
std::string suffix_of(string_view file_name) {
  file_name.remove_prefix(file_name.rfind('/') + 1); // npos + 1 is 0
  const std::size_t dot = file_name.rfind('.');
  return dot == file_name.npos || dot == 0 ? std::string() : lower(file_name.substr(dot + 1));
}

std::optional<MediaType> sniff(string_view bytes) {
  const string_view head = bytes.substr(0, kSniffedBytes);
  if (!binary_format(head).empty()) return std::nullopt;
  const std::size_t valid = valid_utf8_prefix(head);
  // The end of the sample may cut a character.
  if (valid + 4 <= head.size()) return std::nullopt;
  const string_view text = without_byte_order_mark(head);
  const std::string start = lower(text.substr(0, text.find_first_not_of(" \t\r\n") + 64));
  const bool html = start.find("<!doctype html") != start.npos || start.find("<html") != start.npos;
  return html ? MediaType::kHtml : MediaType::kPlainText;
}

} // namespace

string_view media_type_name(MediaType type) {
  switch (type) {
    case MediaType::kPlainText: return "text/plain";
    case MediaType::kMarkdown: return "text/markdown";
    case MediaType::kHtml: return "text/html";
  }
  return "";
}

bool is_never_text(string_view file_name) {
  return std::ranges::find(kNeverText, suffix_of(file_name)) != kNeverText.end();
}

std::optional<MediaType> guess_media_type(string_view file_name, string_view bytes) {
  if (is_never_text(file_name)) return std::nullopt;
  const std::string suffix = suffix_of(file_name);
  for (const Suffix& known : kTextSuffixes) {
    if (suffix == known.name) return known.type;
  }
  return sniff(bytes);
}

} // namespace raglan::ingest

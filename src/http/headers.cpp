#include "http/headers.h"

#include <algorithm>

namespace raglan::http {
namespace {

// Of a response, and of a request by a program.
constexpr std::size_t kUsualFields = 8;
constexpr std::size_t kUsualBytes = 256;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

} // namespace

bool equals_ignoring_case_of_same_size(std::string_view left, std::string_view right) {
  for (std::size_t i = 0; i < left.size(); ++i) {
    if (lower(left[i]) != lower(right[i])) return false;
  }
  return true;
}

bool has_token(std::string_view list, std::string_view token) {
  while (!list.empty()) {
    const auto comma = list.find(',');
    auto item = list.substr(0, comma);
    const auto first = item.find_first_not_of(" \t");
    const auto last = item.find_last_not_of(" \t");
    if (first != item.npos && equals_ignoring_case(item.substr(first, last - first + 1), token)) {
      return true;
    }
    if (comma == list.npos) break;
    list.remove_prefix(comma + 1);
  }
  return false;
}

Headers::Headers(std::initializer_list<Header> fields) {
  for (const Header& field : fields) add(field.name, field.value);
}

std::optional<std::string_view> Headers::find(std::string_view name) const {
  for (const Place& place : places_) {
    if (place.name_bytes != name.size()) continue; // most are settled here
    const Header field = at(place);
    if (equals_ignoring_case(field.name, name)) return field.value;
  }
  return std::nullopt;
}

void Headers::add(std::string_view name, std::string_view value) {
  if (places_.capacity() == 0) {
    places_.reserve(kUsualFields);
    text_.reserve(kUsualBytes);
  }
  places_.push_back({static_cast<std::uint32_t>(text_.size()),
                     static_cast<std::uint32_t>(name.size()),
                     static_cast<std::uint32_t>(value.size())});
  text_ += name;
  text_ += value;
}

void Headers::set(std::string_view name, std::string_view value) {
  remove(name);
  add(name, value);
}

void Headers::remove(std::string_view name) {
  std::erase_if(places_,
                [&](const Place& place) { return equals_ignoring_case(at(place).name, name); });
}

void Headers::clear() {
  text_.clear();
  places_.clear();
}

Header Headers::at(const Place& place) const {
  const std::string_view text(text_);
  return {text.substr(place.begin, place.name_bytes),
          text.substr(place.begin + place.name_bytes, place.value_bytes)};
}

} // namespace raglan::http

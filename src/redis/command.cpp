#include "redis/command.h"

#include <algorithm>

namespace raglan::redis {
namespace {

bool is_streams(std::string_view word) {
  return std::ranges::equal(word, std::string_view("STREAMS"), {},
                            [](char c) { return c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c; });
}

} // namespace

Command& Command::add(std::string_view argument) {
  const bool is_key = key_.size == std::string_view::npos && key_is_next();
  const fmt::format_int length(argument.size());
  arguments_.reserve(arguments_.size() + argument.size() + length.size() + 5);
  arguments_ += '$';
  arguments_.append(length.data(), length.size());
  arguments_ += "\r\n";
  last_ = {arguments_.size(), argument.size()};
  arguments_ += argument;
  arguments_ += "\r\n";
  ++count_;
  if (is_key) key_ = last_;
  return *this;
}

bool Command::key_is_next() const {
  switch (traits_.keys) {
    case CommandTraits::Keys::kAt: return count_ == traits_.position;
    case CommandTraits::Keys::kCounted:
      return count_ == traits_.position + std::size_t{1} && text(last_) != "0";
    case CommandTraits::Keys::kStreams: return count_ > 1 && is_streams(text(last_));
    case CommandTraits::Keys::kNone: break;
  }
  return false;
}

std::optional<std::string_view> Command::key() const {
  if (key_.size == std::string_view::npos) return std::nullopt;
  return text(key_);
}

void Command::append_to(std::string& wire) const {
  const fmt::format_int count(count_);
  wire += '*';
  wire.append(count.data(), count.size());
  wire += "\r\n";
  wire += arguments_;
}

} // namespace raglan::redis

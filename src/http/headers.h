// The header fields of a message, in the order they came.
//
// Names compare without regard to case. A flat list and not a map: a message has about ten fields,
// and a linear scan of ten is faster than a hash of one. All names and values lie in one text, so
// that a message costs two allocations and not two a field, and a connection's next request none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace raglan::http {

// Valid until the Headers are changed.
struct Header {
  std::string_view name;
  std::string_view value;
};

bool equals_ignoring_case_of_same_size(std::string_view left, std::string_view right);

// ASCII only, as header names are.
inline bool equals_ignoring_case(std::string_view left, std::string_view right) {
  return left.size() == right.size() && equals_ignoring_case_of_same_size(left, right);
}

// Whether a comma-separated field value (Connection, Allow, …) has the given token.
bool has_token(std::string_view list, std::string_view token);

class Headers {
 public:
  class Iterator;

  Headers() = default;
  Headers(std::initializer_list<Header> fields);

  // The first field of that name; views are valid until a field is added, or removed.
  std::optional<std::string_view> find(std::string_view name) const;
  // Its value, or "" when there is none.
  std::string_view get(std::string_view name) const { return find(name).value_or(""); }
  bool contains(std::string_view name) const { return find(name).has_value(); }

  void add(std::string_view name, std::string_view value);
  // Replaces every field of that name.
  void set(std::string_view name, std::string_view value);
  void remove(std::string_view name);
  void clear();

  std::size_t size() const { return places_.size(); }
  bool empty() const { return places_.empty(); }
  Iterator begin() const;
  Iterator end() const;

 private:
  // Of a name in the text; its value comes right behind it. A head is far smaller than 4 GB.
  struct Place {
    std::uint32_t begin;
    std::uint32_t name_bytes;
    std::uint32_t value_bytes;
  };
  Header at(const Place& place) const;

  std::string text_; // of removed fields too
  std::vector<Place> places_;
};

class Headers::Iterator {
 public:
  Iterator(const Headers& headers, std::size_t index) : headers_(&headers), index_(index) {}
  Header operator*() const { return headers_->at(headers_->places_[index_]); }
  Iterator& operator++() {
    ++index_;
    return *this;
  }
  bool operator==(const Iterator&) const = default;

 private:
  const Headers* headers_;
  std::size_t index_;
};

inline Headers::Iterator Headers::begin() const { return {*this, 0}; }
inline Headers::Iterator Headers::end() const { return {*this, size()}; }

} // namespace raglan::http

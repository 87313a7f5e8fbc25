// The header fields of a message, in the order they came.
//
// Names compare without regard to case. A flat list and not a map: a message has about ten fields,
// and a linear scan of ten is faster than a hash of one.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace raglan::http {

struct Header {
  std::string name;
  std::string value;
};

// ASCII only, as header names are.
bool equals_ignoring_case(std::string_view left, std::string_view right);

// Whether a comma-separated field value (Connection, Allow, …) has the given token.
bool has_token(std::string_view list, std::string_view token);

class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<Header> fields) : fields_(fields) {}

  // The first field of that name; nullptr when there is none.
  const std::string* find(std::string_view name) const;
  // Its value, or "" when there is none.
  std::string_view get(std::string_view name) const;
  bool contains(std::string_view name) const { return find(name) != nullptr; }

  void add(std::string_view name, std::string_view value);
  // Replaces every field of that name.
  void set(std::string_view name, std::string_view value);
  void remove(std::string_view name);
  void clear() { fields_.clear(); }

  std::size_t size() const { return fields_.size(); }
  bool empty() const { return fields_.empty(); }
  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }

 private:
  std::vector<Header> fields_;
};

} // namespace raglan::http

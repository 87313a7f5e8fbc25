// Whether a path is another one, or below it: "/a" holds "/a" and "/a/b", and not "/ab".
#pragma once

#include <string_view>

namespace raglan::balancer {

inline bool is_at_or_below(std::string_view path, std::string_view root) {
  if (!path.starts_with(root)) return false;
  return path.size() == root.size() || root.ends_with('/') || path[root.size()] == '/';
}

} // namespace raglan::balancer

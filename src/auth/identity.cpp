#include "auth/identity.h"

namespace raglan::auth {

std::optional<Scope> scope_from_name(std::string_view name) {
  for (const Scope scope : {Scope::kRead, Scope::kWrite, Scope::kAdmin}) {
    if (scope_name(scope) == name) return scope;
  }
  return std::nullopt;
}

std::string_view scope_name(Scope scope) {
  switch (scope) {
    case Scope::kRead: return "read";
    case Scope::kWrite: return "write";
    case Scope::kAdmin: return "admin";
  }
  return "";
}

Scopes parse_scopes(std::string_view names) {
  Scopes scopes;
  while (!names.empty()) {
    const std::size_t blank = names.find(' ');
    if (const auto scope = scope_from_name(names.substr(0, blank))) scopes.add(*scope);
    names.remove_prefix(blank == names.npos ? names.size() : blank + 1);
  }
  return scopes;
}

std::string format_scopes(Scopes scopes) {
  std::string names;
  for (const Scope scope : {Scope::kRead, Scope::kWrite, Scope::kAdmin}) {
    if (!scopes.has(scope)) continue;
    if (!names.empty()) names += ' ';
    names += scope_name(scope);
  }
  return names;
}

} // namespace raglan::auth

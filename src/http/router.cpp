#include "http/router.h"

#include <algorithm>
#include <optional>

#include "http/error_table.h"

namespace raglan::http {
namespace {

struct Segment {
  std::string text; // the literal, or the parameter's name
  bool is_parameter = false;
};

std::string_view next_segment(std::string_view& path) {
  if (path.starts_with('/')) path.remove_prefix(1);
  const auto end = std::min(path.find('/'), path.size());
  const auto segment = path.substr(0, end);
  path.remove_prefix(end);
  return segment;
}

std::vector<Segment> split_pattern(std::string_view pattern) {
  std::vector<Segment> segments;
  while (!pattern.empty()) {
    const auto segment = next_segment(pattern);
    if (segment.starts_with('{') && segment.ends_with('}')) {
      segments.push_back({std::string(segment.substr(1, segment.size() - 2)), true});
    } else {
      segments.push_back({std::string(segment), false});
    }
  }
  return segments;
}

net::Task<Response> refuse(const Request& request, Error error, std::string allow) {
  auto response = error_response(error, request.headers.get(kRequestIdHeader));
  if (!allow.empty()) response.headers.add("allow", allow);
  co_return response;
}

net::Task<Response> answer_options(std::string allow) {
  co_return Response{204, {{"allow", allow}}, {}, {}};
}

} // namespace

struct Router::Route {
  std::string pattern;
  bool is_literal = false; // without parameters: the path is the pattern, or another's
  std::vector<Segment> segments;
  std::vector<std::pair<std::string, Handler>> methods;

  const Handler* find(std::string_view method) const {
    for (const auto& [name, handler] : methods) {
      if (name == method) return &handler;
    }
    return nullptr;
  }

  // Fills `parameters` with what the {name} segments matched; false when the path is another's.
  bool matches(std::string_view path,
               std::vector<std::pair<std::string, std::string>>& parameters) const {
    parameters.clear();
    if (is_literal) return path == pattern;
    for (const auto& segment : segments) {
      if (path.empty()) return false;
      const auto actual = next_segment(path);
      if (!segment.is_parameter) {
        if (actual != segment.text) return false;
        continue;
      }
      auto decoded = percent_decode(actual);
      if (!decoded || decoded->empty()) return false;
      parameters.emplace_back(segment.text, std::move(*decoded));
    }
    return path.empty();
  }

  std::string allow() const {
    std::string list = "OPTIONS";
    for (const auto& [name, handler] : methods) {
      list += ", " + name;
      if (name == "GET" && find("HEAD") == nullptr) list += ", HEAD";
    }
    return list;
  }
};

Router::Router() = default;
Router::~Router() = default;
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;

void Router::add(std::string_view method, std::string_view pattern, Handler handler) {
  for (auto& route : routes_) {
    if (route->pattern != pattern) continue;
    std::erase_if(route->methods, [&](const auto& entry) { return entry.first == method; });
    route->methods.emplace_back(method, std::move(handler));
    return;
  }
  auto route = std::make_unique<Route>();
  route->pattern = pattern;
  route->segments = split_pattern(pattern);
  route->is_literal = std::ranges::none_of(route->segments, &Segment::is_parameter);
  route->methods.emplace_back(method, std::move(handler));
  // Literal before parameter, at the first segment where two patterns differ in kind: the first
  // route that matches is then the most literal one.
  const auto more_literal = [](const auto& left, const auto& right) {
    return std::ranges::lexicographical_compare(left->segments, right->segments, {},
                                                &Segment::is_parameter, &Segment::is_parameter);
  };
  const auto place = std::ranges::upper_bound(routes_, route, more_literal);
  routes_.insert(place, std::move(route));
}

void Router::set_fallback(Handler handler) { fallback_ = std::move(handler); }

Handler Router::handler() const {
  return [this](Request& request) { return dispatch(request); };
}

const Router::Route* Router::match(Request& request) const {
  for (const auto& route : routes_) {
    if (route->matches(request.path, request.path_parameters)) return route.get();
  }
  request.path_parameters.clear();
  return nullptr;
}

net::Task<Response> Router::dispatch(Request& request) const {
  const Route* route = match(request);
  if (route == nullptr) {
    request.route = kUnmatchedRoute;
    if (fallback_) return fallback_(request);
    return refuse(request, {ErrorCode::kNotFound, "no such route", {}}, {});
  }
  request.route = route->pattern;
  const Handler* handler = route->find(request.method);
  if (handler == nullptr && request.method == "HEAD") handler = route->find("GET");
  if (handler != nullptr) return (*handler)(request);
  if (request.method == "OPTIONS") return answer_options(route->allow());
  return refuse(request, {ErrorCode::kMethodNotAllowed, "this route does not take this method", {}},
                route->allow());
}

} // namespace raglan::http

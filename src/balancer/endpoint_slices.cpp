#include "balancer/endpoint_slices.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>
#include <limits>
#include <set>

#include "balancer/host_address.h"
#include "base/json_lookup.h"

namespace raglan::balancer {
namespace json = boost::json;
namespace {

constexpr std::size_t kMaxVersionBytes = 256; // of an opaque text that is sent back in a URL
constexpr std::size_t kMaxPortsSaid = 8;
constexpr std::uint64_t kGoneCode = 410;

std::unexpected<Error> bad_answer(std::string_view what) {
  return fail(ErrorCode::kUpstream, fmt::format("the Kubernetes API's answer {}", what));
}

std::string_view version_of(const json::value& object) {
  const json::value* metadata = member_at(object, "metadata");
  const std::string_view version =
      metadata ? text_at(*metadata, "resourceVersion") : std::string_view();
  return version.size() <= kMaxVersionBytes ? version : std::string_view();
}

std::string_view name_of(const json::value& object) {
  const json::value* metadata = member_at(object, "metadata");
  return metadata ? text_at(*metadata, "name") : std::string_view();
}

// Null, or nothing, says nothing.
bool condition(const json::value& endpoint, std::string_view name, bool unsaid) {
  const json::value* conditions = member_at(endpoint, "conditions");
  const json::value* said = conditions ? member_at(*conditions, name) : nullptr;
  return said && said->is_bool() ? said->get_bool() : unsaid;
}

} // namespace

Result<> EndpointSlices::replace(std::string_view list) {
  json::monotonic_resource memory;
  boost::system::error_code failure;
  const json::value value = json::parse(list, failure, &memory);
  if (failure) return bad_answer("is not JSON");
  const json::array* items = array_at(value, "items");
  if (text_at(value, "kind") != "EndpointSliceList" || items == nullptr) {
    return bad_answer("is not a list of EndpointSlices");
  }
  const std::string_view version = version_of(value);
  if (version.empty()) return bad_answer("has no version to watch from");
  if (!text_at(value.at("metadata"), "continue").empty()) return bad_answer("is a part of a list");
  Slices slices;
  for (const json::value& item : *items) {
    if (auto ok = put(item, slices); !ok) return ok;
  }
  slices_ = std::move(slices);
  version_ = version;
  return {};
}

Result<EndpointSlices::Event> EndpointSlices::apply(std::string_view line) {
  json::monotonic_resource memory;
  boost::system::error_code failure;
  const json::value event = json::parse(line, failure, &memory);
  if (failure) return bad_answer("has a line that is not JSON");
  const std::string_view type = text_at(event, "type");
  const json::value* object = member_at(event, "object");
  if (type.empty() || object == nullptr) return bad_answer("has a line that is no event");
  if (type == "ERROR") return apply_error(*object);
  Event happened = Event::kBookmark; // types that are yet to come change nothing either
  if (type == "ADDED" || type == "MODIFIED") {
    if (auto ok = put(*object, slices_); !ok) return forward_error(ok);
    happened = Event::kChange;
  } else if (type == "DELETED") {
    if (const auto found = slices_.find(name_of(*object)); found != slices_.end()) {
      slices_.erase(found);
    }
    happened = Event::kChange;
  }
  if (const std::string_view version = version_of(*object); !version.empty()) version_ = version;
  return happened;
}

// A Status takes the object's place. Its message is the API's own, and short.
Result<EndpointSlices::Event> EndpointSlices::apply_error(const json::value& status) const {
  if (count_at(status, "code") == kGoneCode) return Event::kGone;
  constexpr std::size_t kMaxReasonBytes = 300;
  Error error{ErrorCode::kUpstream, "the Kubernetes API ended the watch with an error"};
  error.reason = text_at(status, "message").substr(0, kMaxReasonBytes);
  return std::unexpected(std::move(error));
}

Result<> EndpointSlices::put(const json::value& object, Slices& slices) const {
  const std::string_view name = name_of(object);
  if (name.empty()) return bad_answer("has a slice without a name");
  if (!slices.contains(name) && slices.size() >= kMaxSlices) {
    return bad_answer(fmt::format("has more than {} slices", kMaxSlices));
  }
  Slice slice;
  const std::string_view family = text_at(object, "addressType");
  slice.is_v6 = family == "IPv6";
  read_ports(object, slice);
  if (slice.port != 0 && (family == "IPv4" || family == "IPv6")) read_endpoints(object, slice);
  slices.insert_or_assign(std::string(name), std::move(slice));
  return {};
}

void EndpointSlices::read_ports(const json::value& object, Slice& slice) const {
  const json::array* ports = array_at(object, "ports");
  slice.lists_ports = ports != nullptr && !ports->empty();
  if (!slice.lists_ports) {
    slice.port = service_.port;
    return;
  }
  std::size_t said = 0;
  for (const json::value& each : *ports) {
    const std::string_view protocol = text_at(each, "protocol");
    if (!protocol.empty() && protocol != "TCP") continue;
    const std::string_view name = text_at(each, "name");
    const std::uint64_t number = count_at(each, "port");
    const bool all_ports = number == 0; // null: whatever the pod listens on
    if (number > std::numeric_limits<std::uint16_t>::max()) continue;
    if (service_.port != 0 && (all_ports || number == service_.port)) slice.port = service_.port;
    if (service_.port == 0 && !all_ports && name == service_.port_name) {
      slice.port = static_cast<std::uint16_t>(number);
    }
    if (said++ < kMaxPortsSaid) {
      slice.ports += fmt::format("{}{} {}", said > 1 ? ", " : "", name.substr(0, 63), number);
    }
  }
}

void EndpointSlices::read_endpoints(const json::value& object, Slice& slice) {
  const json::array* endpoints = array_at(object, "endpoints");
  if (endpoints == nullptr) return;
  for (const json::value& each : *endpoints) {
    if (slice.ready.size() >= kMaxEndpoints) return;
    if (!condition(each, "ready", true) || condition(each, "terminating", false)) continue;
    const json::array* addresses = array_at(each, "addresses");
    const json::string* first =
        addresses && !addresses->empty() ? addresses->front().if_string() : nullptr;
    if (first == nullptr) continue;
    boost::system::error_code failure;
    const auto address = boost::asio::ip::make_address(std::string_view(*first), failure);
    if (failure || address.is_v6() != slice.is_v6) continue;
    const json::value* pod = member_at(each, "targetRef");
    slice.ready.push_back({address, std::string(pod ? text_at(*pod, "uid") : "")});
  }
}

Result<EndpointSlices::Ready> EndpointSlices::ready() const {
  if (slices_.empty()) {
    return fail(ErrorCode::kUnavailable,
                fmt::format("there are no EndpointSlices of a Service {} in the namespace {}",
                            service_.name, service_.name_space));
  }
  const auto lacks = [](const auto& each) { return each.second.port == 0; };
  const auto lists = [](const auto& each) { return each.second.lists_ports; };
  if (std::ranges::all_of(slices_, lacks) && std::ranges::any_of(slices_, lists)) {
    return std::unexpected(no_port());
  }
  std::map<std::string, HostAddress> found;
  std::set<std::string_view> pods; // that have an IPv4 address
  for (const bool is_v6 : {false, true}) {
    for (const auto& [name, slice] : slices_) {
      if (slice.is_v6 != is_v6) continue;
      for (const Endpoint& endpoint : slice.ready) {
        if (is_v6 && pods.contains(endpoint.pod)) continue;
        if (!is_v6 && !endpoint.pod.empty()) pods.insert(endpoint.pod);
        HostAddress host = host_address({endpoint.address, slice.port});
        found.try_emplace(host.name, host);
      }
    }
  }
  Ready ready;
  for (auto& [name, host] : found) {
    if (ready.hosts.size() < kMaxUpstreams) ready.hosts.push_back(std::move(host));
  }
  ready.left_out = found.size() - ready.hosts.size();
  return ready;
}

Error EndpointSlices::no_port() const {
  const auto lists = [](const auto& each) { return each.second.lists_ports; };
  const std::string port =
      service_.port_name.empty()
          ? fmt::format("{} (the pods' port counts, not the Service's)", service_.port)
          : service_.port_name;
  Error error{ErrorCode::kUnavailable,
              fmt::format("the Service {} in the namespace {} has no TCP port {}", service_.name,
                          service_.name_space, port)};
  error.reason = fmt::format("it has {}", std::ranges::find_if(slices_, lists)->second.ports);
  return error;
}

} // namespace raglan::balancer

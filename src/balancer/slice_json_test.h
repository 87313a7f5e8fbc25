// EndpointSlices as the Kubernetes API writes them, for tests.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <string_view>
#include <vector>

namespace raglan::balancer {

// An endpoint of a pod; `conditions` as JSON.
inline std::string endpoint_json(std::string_view address,
                                 std::string_view conditions = R"({"ready":true,"serving":true,)"
                                                               R"("terminating":false})",
                                 std::string_view pod = "") {
  return fmt::format(
      R"({{"addresses":["{}"],"conditions":{},"nodeName":"worker-1","targetRef":{{"kind":"Pod",)"
      R"("namespace":"rag","name":"nodes-0","uid":"{}"}},"zone":"a"}})",
      address, conditions, pod.empty() ? address : pod);
}

inline constexpr std::string_view kHttpPort = R"([{"name":"http","port":8080,"protocol":"TCP"}])";

struct SliceJson {
  std::string name;
  std::vector<std::string> endpoints;
  std::string version = "1";
  std::string family = "IPv4";
  std::string ports = std::string(kHttpPort);

  std::string text() const {
    return fmt::format(
        R"({{"kind":"EndpointSlice","apiVersion":"discovery.k8s.io/v1","metadata":{{"name":"{}",)"
        R"("generateName":"nodes-","namespace":"rag","uid":"6d1f","resourceVersion":"{}",)"
        R"("labels":{{"kubernetes.io/service-name":"nodes"}},"managedFields":[{{"manager":)"
        R"("kube-controller-manager","operation":"Update","fieldsType":"FieldsV1","fieldsV1":)"
        R"({{"f:addressType":{{}},"f:metadata":{{"f:labels":{{".":{{}}}}}}}}}}]}},)"
        R"("addressType":"{}","endpoints":[{}],"ports":{}}})",
        name, version, family, fmt::join(endpoints, ","), ports);
  }
};

inline std::string list_json(const std::vector<SliceJson>& slices, std::string_view version) {
  std::vector<std::string> items;
  for (const SliceJson& slice : slices) items.push_back(slice.text());
  return fmt::format(R"({{"kind":"EndpointSliceList","apiVersion":"discovery.k8s.io/v1",)"
                     R"("metadata":{{"resourceVersion":"{}"}},"items":[{}]}})",
                     version, fmt::join(items, ","));
}

inline std::string event_json(std::string_view type, std::string_view object) {
  return fmt::format(R"({{"type":"{}","object":{}}})", type, object);
}

inline std::string bookmark_json(std::string_view version) {
  return event_json("BOOKMARK",
                    fmt::format(R"({{"kind":"EndpointSlice","apiVersion":"discovery.k8s.io/v1",)"
                                R"("metadata":{{"resourceVersion":"{}"}},"endpoints":null,)"
                                R"("ports":null,"addressType":""}})",
                                version));
}

inline std::string status_json(int code, std::string_view reason, std::string_view message) {
  return fmt::format(R"({{"kind":"Status","apiVersion":"v1","metadata":{{}},"status":"Failure",)"
                     R"("message":"{}","reason":"{}","code":{}}})",
                     message, reason, code);
}

} // namespace raglan::balancer

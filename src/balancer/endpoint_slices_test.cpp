#include "balancer/endpoint_slices.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "balancer/lines.h"
#include "balancer/slice_json_test.h"

namespace raglan::balancer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Event = EndpointSlices::Event;

class EndpointSlicesTest : public testing::Test {
 protected:
  explicit EndpointSlicesTest(const std::string& url = "kubernetes://rag/nodes:http")
      : slices_(*parse_kubernetes_url(url)) {}

  void list(const std::vector<SliceJson>& slices) {
    const auto taken = slices_.replace(list_json(slices, "10"));
    ASSERT_TRUE(taken) << taken.error().message;
  }
  std::vector<std::string> hosts() const {
    const auto ready = slices_.ready();
    if (!ready) return {"error: " + explain(ready.error())};
    std::vector<std::string> names;
    for (const HostAddress& host : ready->hosts) names.push_back(host.name);
    return names;
  }
  std::string error_of(const std::string& list) {
    const auto taken = slices_.replace(list);
    if (taken) return "";
    EXPECT_EQ(taken.error().code, ErrorCode::kUpstream);
    return taken.error().message;
  }

  EndpointSlices slices_;
};

class EndpointSlicesByNumber : public EndpointSlicesTest {
 protected:
  EndpointSlicesByNumber() : EndpointSlicesTest("kubernetes://rag/nodes:8080") {}
};

TEST_F(EndpointSlicesTest, AllSlicesTogetherAreTheEndpoints) {
  list({{"nodes-b", {endpoint_json("10.0.0.9"), endpoint_json("10.0.0.10")}},
        {"nodes-a", {endpoint_json("10.0.0.7")}}});
  EXPECT_THAT(hosts(), ElementsAre("10.0.0.10:8080", "10.0.0.7:8080", "10.0.0.9:8080"));
  EXPECT_EQ(slices_.version(), "10");
}

TEST_F(EndpointSlicesTest, AnAddressCanBeConnectedTo) {
  list({{"nodes-a", {endpoint_json("10.0.0.7")}}});
  const HostAddress host = slices_.ready()->hosts.at(0);
  ASSERT_EQ(host.address_bytes, sizeof(sockaddr_in));
  const auto& address = reinterpret_cast<const sockaddr_in&>(host.address);
  EXPECT_EQ(address.sin_family, AF_INET);
  EXPECT_EQ(ntohs(address.sin_port), 8080);
  EXPECT_EQ(ntohl(address.sin_addr.s_addr), 0x0a000007u);
}

TEST_F(EndpointSlicesTest, ReadyOnesCountAndThoseOfWhichNothingIsSaid) {
  list({{"nodes-a",
         {endpoint_json("10.0.0.1", R"({"ready":true})"),
          endpoint_json("10.0.0.2", R"({"ready":false,"serving":true})"),
          endpoint_json("10.0.0.3", R"({"ready":null})"), endpoint_json("10.0.0.4", "{}"),
          endpoint_json("10.0.0.5", "null")}}});
  EXPECT_THAT(hosts(),
              ElementsAre("10.0.0.1:8080", "10.0.0.3:8080", "10.0.0.4:8080", "10.0.0.5:8080"));
}

TEST_F(EndpointSlicesTest, TerminatingOnesAreLeftOut) {
  list({{"nodes-a",
         {endpoint_json("10.0.0.1", R"({"ready":false,"serving":true,"terminating":true})"),
          // As a Service says that publishes addresses that are not ready.
          endpoint_json("10.0.0.2", R"({"ready":true,"serving":true,"terminating":true})")}}});
  EXPECT_THAT(hosts(), IsEmpty());
}

TEST_F(EndpointSlicesTest, APodOfBothFamiliesIsOneHost) {
  list({{"nodes-6",
         {endpoint_json("fd00::1", "{}", "pod-1"), endpoint_json("fd00::2", "{}", "pod-2")},
         "1",
         "IPv6"},
        {"nodes-4", {endpoint_json("10.0.0.1", "{}", "pod-1")}}});
  EXPECT_THAT(hosts(), ElementsAre("10.0.0.1:8080", "[fd00::2]:8080"));
}

TEST_F(EndpointSlicesTest, AnAddressOfTwoSlicesIsOneHost) {
  list({{"nodes-a", {endpoint_json("10.0.0.1")}}, {"nodes-b", {endpoint_json("10.0.0.1")}}});
  EXPECT_THAT(hosts(), ElementsAre("10.0.0.1:8080"));
}

TEST_F(EndpointSlicesTest, NamesAndWhatIsNoAddressCountForNothing) {
  list({{"nodes-n", {endpoint_json("node.example")}, "1", "FQDN"},
        {"nodes-4",
         {endpoint_json("10.0.0.1"), endpoint_json("fd00::1"), endpoint_json("10.0.0"),
          R"({"addresses":[]})", R"({"addresses":[7]})", R"({})", "7"}}});
  EXPECT_THAT(hosts(), ElementsAre("10.0.0.1:8080"));
}

TEST_F(EndpointSlicesTest, OnlyTheFirstAddressOfAnEndpointCounts) {
  list({{"nodes-a", {R"({"addresses":["10.0.0.1","10.0.0.2"]})"}}});
  EXPECT_THAT(hosts(), ElementsAre("10.0.0.1:8080"));
}

TEST_F(EndpointSlicesTest, ANamedPortMayBeAnotherNumberInEachSlice) {
  list({{"nodes-a", {endpoint_json("10.0.0.1")}},
        {"nodes-b",
         {endpoint_json("10.0.0.2")},
         "1",
         "IPv4",
         R"([{"name":"http","port":53,"protocol":"UDP"},{"name":"metrics","port":9090},)"
         R"({"name":"http","port":8081}])"}});
  EXPECT_THAT(hosts(), ElementsAre("10.0.0.1:8080", "10.0.0.2:8081"));
}

TEST_F(EndpointSlicesTest, APortThatIsNotThereIsAnErrorThatSaysWhichAre) {
  list({{"nodes-a",
         {endpoint_json("10.0.0.1")},
         "1",
         "IPv4",
         R"([{"name":"web","port":80},{"name":"metrics","port":9090}])"}});
  const auto ready = slices_.ready();
  ASSERT_FALSE(ready);
  EXPECT_EQ(ready.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(explain(ready.error()), HasSubstr("no TCP port http"));
  EXPECT_THAT(explain(ready.error()), HasSubstr("web 80, metrics 9090"));
}

TEST_F(EndpointSlicesByNumber, ANumberIsThePodsPort) {
  list({{"nodes-a", {endpoint_json("10.0.0.1")}},
        {"nodes-b", {endpoint_json("10.0.0.2")}, "1", "IPv4", R"([{"name":"web","port":80}])"},
        {"nodes-c", {endpoint_json("10.0.0.3")}, "1", "IPv4", R"([{"name":"any","port":null}])"}});
  EXPECT_THAT(hosts(), ElementsAre("10.0.0.1:8080", "10.0.0.3:8080"));
}

TEST_F(EndpointSlicesByNumber, WhereNoPortsAreListedItIsTakenAsItIs) {
  list({{"nodes-a", {endpoint_json("10.0.0.1")}, "1", "IPv4", "[]"},
        {"nodes-b", {endpoint_json("10.0.0.2")}, "1", "IPv4", "null"}});
  EXPECT_THAT(hosts(), ElementsAre("10.0.0.1:8080", "10.0.0.2:8080"));
}

TEST_F(EndpointSlicesTest, NoSlicesMeanThatThereIsNoSuchService) {
  list({});
  EXPECT_THAT(hosts(), ElementsAre(HasSubstr("no EndpointSlices of a Service nodes")));
  // What the controller writes while there are no pods.
  list({{"nodes-a", {}, "1", "IPv4", "null"}});
  EXPECT_THAT(hosts(), IsEmpty());
}

TEST_F(EndpointSlicesTest, EventsChangeSliceBySlice) {
  list({{"nodes-a", {endpoint_json("10.0.0.1")}}, {"nodes-b", {endpoint_json("10.0.0.2")}}});
  const SliceJson changed{"nodes-a", {endpoint_json("10.0.0.3")}, "12"};
  EXPECT_EQ(slices_.apply(event_json("MODIFIED", changed.text())), Event::kChange);
  EXPECT_THAT(hosts(), ElementsAre("10.0.0.2:8080", "10.0.0.3:8080"));
  const SliceJson added{"nodes-c", {endpoint_json("10.0.0.4")}, "13"};
  EXPECT_EQ(slices_.apply(event_json("ADDED", added.text())), Event::kChange);
  const SliceJson deleted{"nodes-b", {endpoint_json("10.0.0.2")}, "14"};
  EXPECT_EQ(slices_.apply(event_json("DELETED", deleted.text())), Event::kChange);
  EXPECT_THAT(hosts(), ElementsAre("10.0.0.3:8080", "10.0.0.4:8080"));
  EXPECT_EQ(slices_.version(), "14");
}

TEST_F(EndpointSlicesTest, ABookmarkMovesTheVersionAlone) {
  list({{"nodes-a", {endpoint_json("10.0.0.1")}}});
  EXPECT_EQ(slices_.apply(bookmark_json("99")), Event::kBookmark);
  EXPECT_EQ(slices_.version(), "99");
  EXPECT_THAT(hosts(), ElementsAre("10.0.0.1:8080"));
}

TEST_F(EndpointSlicesTest, AVersionThatIsGoneIsNoErrorAndOthersAre) {
  list({{"nodes-a", {endpoint_json("10.0.0.1")}}});
  const auto gone = status_json(410, "Expired", "too old resource version: 10 (99)");
  EXPECT_EQ(slices_.apply(event_json("ERROR", gone)), Event::kGone);
  const auto other = slices_.apply(event_json("ERROR", status_json(500, "", "etcd is away")));
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().reason, "etcd is away");
  EXPECT_THAT(hosts(), ElementsAre("10.0.0.1:8080"));
}

TEST_F(EndpointSlicesTest, WhatIsNoListChangesNothing) {
  list({{"nodes-a", {endpoint_json("10.0.0.1")}}});
  EXPECT_THAT(error_of("<html>"), HasSubstr("not JSON"));
  EXPECT_THAT(error_of("[]"), HasSubstr("not a list"));
  EXPECT_THAT(error_of(R"({"kind":"PodList","items":[]})"), HasSubstr("not a list"));
  EXPECT_THAT(error_of(R"({"kind":"EndpointSliceList","items":[]})"), HasSubstr("no version"));
  EXPECT_THAT(error_of(list_json({}, std::string(300, '1'))), HasSubstr("no version"));
  EXPECT_THAT(error_of(list_json({{""}}, "11")), HasSubstr("without a name"));
  EXPECT_THAT(error_of(R"({"kind":"EndpointSliceList","metadata":{"resourceVersion":"1",)"
                       R"("continue":"more"},"items":[]})"),
              HasSubstr("part of a list"));
  EXPECT_THAT(hosts(), ElementsAre("10.0.0.1:8080"));
  EXPECT_EQ(slices_.version(), "10");
}

TEST_F(EndpointSlicesTest, WhatIsNoEventIsAnError) {
  for (const std::string line : {"", "{", "7", "{}", R"({"type":"ADDED"})",
                                 R"({"type":"ADDED","object":7})", R"({"object":{}})"}) {
    EXPECT_FALSE(slices_.apply(line)) << line;
  }
  EXPECT_EQ(slices_.apply(R"({"type":"NEW","object":{}})"), Event::kBookmark);
}

TEST_F(EndpointSlicesTest, ThereAreBounds) {
  std::vector<SliceJson> many;
  for (std::size_t i = 0; i < EndpointSlices::kMaxSlices; ++i) {
    many.push_back({"nodes-" + std::to_string(i), {}});
  }
  list(many);
  many.push_back({"one-more", {}});
  EXPECT_THAT(error_of(list_json(many, "11")), HasSubstr("more than 128 slices"));
  EXPECT_FALSE(slices_.apply(event_json("ADDED", many.back().text())));

  SliceJson large{"nodes-1", {}};
  for (std::size_t i = 0; i < EndpointSlices::kMaxEndpoints + 5; ++i) {
    large.endpoints.push_back(endpoint_json(fmt::format("10.0.{}.{}", i / 256, i % 256)));
  }
  list({large});
  const auto ready = slices_.ready();
  ASSERT_TRUE(ready);
  EXPECT_EQ(ready->hosts.size(), kMaxUpstreams);
  EXPECT_EQ(ready->left_out, EndpointSlices::kMaxEndpoints - kMaxUpstreams);
}

TEST(Lines, AreTheSameHoweverThePiecesFall) {
  const std::string text = "one\n\nthree\nrest";
  for (std::size_t bytes = 1; bytes <= text.size(); ++bytes) {
    Lines lines(8);
    std::vector<std::string> found;
    for (std::size_t at = 0; at < text.size(); at += bytes) {
      ASSERT_TRUE(lines.add(text.substr(at, bytes)));
      while (const auto line = lines.next()) found.emplace_back(*line);
    }
    EXPECT_THAT(found, ElementsAre("one", "", "three")) << bytes;
  }
}

TEST(Lines, OneWithoutAnEndIsBounded) {
  Lines lines(4);
  EXPECT_TRUE(lines.add("one\n1234"));
  const auto added = lines.add("5");
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, ErrorCode::kTooLarge);
}

} // namespace
} // namespace raglan::balancer

#include "balancer/kubernetes_endpoints.h"

#include "balancer/kubernetes_stand_in_test.h"
#include "http/client_fixture_test.h"
#include "net/detach.h"

namespace raglan::balancer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using namespace std::chrono_literals;

using Names = std::vector<std::string>;

Names names_of(const std::vector<HostAddress>& hosts) {
  Names names;
  for (const HostAddress& host : hosts) names.push_back(host.name);
  return names;
}

SliceJson slice(const std::string& name, const std::vector<std::string>& addresses) {
  SliceJson made{name, {}};
  for (const std::string& address : addresses) made.endpoints.push_back(endpoint_json(address));
  return made;
}

class KubernetesEndpointsTest : public testing::Test {
 protected:
  KubernetesEndpointsTest() { api_.put(slice("nodes-a", {"10.0.0.1", "10.0.0.2"})); }
  ~KubernetesEndpointsTest() override {
    if (endpoints_) endpoints_->stop();
    if (watching_) EXPECT_TRUE(watching_->get()); // it ends when it is stopped
  }

  // Silence after which a watch is begun again, as none of its bookmarks came.
  void connect(std::chrono::milliseconds silence = 60s) { connect_to(api_.access(), silence); }
  void connect_to(const KubernetesAccess& access, std::chrono::milliseconds silence = 60s) {
    http::ClientConfig config = kubernetes_client_config(access);
    config.body_timeout = silence;
    client_.emplace(config, 1);
    KubernetesTimes times;
    times.backoff = {.base_backoff = 1ms, .max_backoff = 5ms};
    endpoints_.emplace(*parse_kubernetes_url("kubernetes://rag/nodes:http"), access,
                       client_->client(), SystemClock::instance(), times);
  }
  Result<std::vector<HostAddress>> list() {
    return net::run_on(client_->loops().executor(0), endpoints_->list());
  }
  Error list_error() {
    const auto listed = list();
    return listed ? Error{ErrorCode::kInternal, "no error"} : listed.error();
  }
  void watch() { watching_.emplace(client_->loops(), watch_to_its_end()); }

  Names said() const {
    return said_.with(
        [](const std::vector<Names>& said) { return said.empty() ? Names() : said.back(); });
  }
  std::size_t times_said() const {
    return said_.with([](const std::vector<Names>& said) { return said.size(); });
  }
  ::testing::AssertionResult says(const Names& names) {
    if (client_->eventually([&] { return times_said() > 0 && said() == names; })) {
      return ::testing::AssertionSuccess();
    }
    return ::testing::AssertionFailure() << testing::PrintToString(said());
  }
  bool is_watched(std::size_t times) {
    return client_->eventually([&] { return api_.watched().size() >= times; });
  }

  KubernetesStandIn api_;
  std::optional<http::ClientFixture> client_;
  std::optional<KubernetesEndpoints> endpoints_;

 private:
  net::Task<Result<int>> watch_to_its_end() {
    auto note = [this](const std::vector<HostAddress>& hosts) {
      said_.with([&](std::vector<Names>& said) { said.push_back(names_of(hosts)); });
    };
    co_await endpoints_->watch(std::move(note));
    co_return 0;
  }

  Guarded<std::vector<Names>> said_;
  std::optional<http::Running<int>> watching_;
};

TEST_F(KubernetesEndpointsTest, AListGivesTheHosts) {
  connect();
  const auto hosts = list();
  ASSERT_TRUE(hosts) << explain(hosts.error());
  EXPECT_THAT(names_of(*hosts), ElementsAre("10.0.0.1:8080", "10.0.0.2:8080"));
}

TEST_F(KubernetesEndpointsTest, AWatchGoesOnFromTheListAndSaysOnlyChanges) {
  connect();
  ASSERT_TRUE(list());
  watch();
  ASSERT_TRUE(is_watched(1));
  api_.put(slice("nodes-b", {"10.0.0.3"}));
  EXPECT_TRUE(says({"10.0.0.1:8080", "10.0.0.2:8080", "10.0.0.3:8080"}));
  api_.put(slice("nodes-b", {"10.0.0.3"})); // as an annotation changed
  api_.remove("nodes-a");
  EXPECT_TRUE(says({"10.0.0.3:8080"}));
  EXPECT_EQ(times_said(), 2u);
  EXPECT_EQ(api_.lists(), 1);
  EXPECT_THAT(api_.watched(), ElementsAre("101"));
}

TEST_F(KubernetesEndpointsTest, AWatchWithoutAListBeginsWithOne) {
  connect();
  watch();
  EXPECT_TRUE(says({"10.0.0.1:8080", "10.0.0.2:8080"}));
  EXPECT_EQ(api_.lists(), 1);
}

TEST_F(KubernetesEndpointsTest, ADeletedServiceHasNoHosts) {
  connect();
  ASSERT_TRUE(list());
  watch();
  api_.remove("nodes-a");
  EXPECT_TRUE(says({}));
}

TEST_F(KubernetesEndpointsTest, AServiceThatIsNotThereIsAnError) {
  connect();
  api_.remove("nodes-a");
  EXPECT_THAT(list_error().message, HasSubstr("no EndpointSlices of a Service nodes"));
}

TEST_F(KubernetesEndpointsTest, AWatchThatEndsIsBegunAgainFromTheLastBookmark) {
  connect();
  ASSERT_TRUE(list());
  watch();
  ASSERT_TRUE(is_watched(1));
  api_.bookmark();
  api_.end_watches();
  ASSERT_TRUE(is_watched(2));
  api_.put(slice("nodes-a", {"10.0.0.9"}));
  EXPECT_TRUE(says({"10.0.0.9:8080"}));
  EXPECT_EQ(api_.lists(), 1);
  EXPECT_THAT(api_.watched(), ElementsAre("101", "102"));
}

TEST_F(KubernetesEndpointsTest, ALostConnectionLosesNothing) {
  connect();
  ASSERT_TRUE(list());
  watch();
  ASSERT_TRUE(is_watched(1));
  api_.put(slice("nodes-b", {"10.0.0.3"}));
  ASSERT_TRUE(says({"10.0.0.1:8080", "10.0.0.2:8080", "10.0.0.3:8080"}));
  api_.refuse("watch", 503); // what happens meanwhile is in the history
  api_.cut();
  ASSERT_TRUE(client_->eventually([&] { return api_.refused() >= 1; }));
  api_.remove("nodes-a");
  EXPECT_EQ(said().size(), 3u);
  api_.refuse("watch", 0);
  EXPECT_TRUE(says({"10.0.0.3:8080"}));
  EXPECT_EQ(api_.lists(), 1);
}

TEST_F(KubernetesEndpointsTest, AVersionThatIsGoneIsListedAnew) {
  connect();
  ASSERT_TRUE(list());
  watch();
  ASSERT_TRUE(is_watched(1));
  for (const auto gone : {KubernetesStandIn::Gone::kByStatus, KubernetesStandIn::Gone::kByEvent}) {
    const int lists = api_.lists();
    const int refused = api_.refused();
    api_.refuse("watch", 503); // nobody is told of the change before it is forgotten
    api_.cut();
    ASSERT_TRUE(client_->eventually([&] { return api_.refused() > refused; }));
    const std::string address = "10.0.1." + std::to_string(lists);
    api_.put(slice("nodes-a", {address}));
    api_.forget(gone);
    api_.refuse("watch", 0);
    EXPECT_TRUE(says({address + ":8080"}));
    EXPECT_TRUE(client_->eventually([&] { return api_.lists() > lists; }));
  }
}

TEST_F(KubernetesEndpointsTest, WhatCannotBeReadIsListedAnew) {
  connect();
  ASSERT_TRUE(list());
  watch();
  ASSERT_TRUE(is_watched(1));
  std::size_t watches = 1;
  for (const std::string& line :
       {std::string("<html>"), std::string(R"({"type":"ADDED"})"),
        event_json("ERROR", status_json(500, "InternalError", "etcd is away")),
        std::string(KubernetesEndpoints::kMaxLineBytes + 100'000, ' ')}) {
    api_.bookmark(); // a version that no later watch is to begin before
    api_.say(line);
    ASSERT_TRUE(is_watched(++watches)) << line.substr(0, 100);
  }
  EXPECT_TRUE(client_->eventually([&] { return api_.lists() == 5; })) << api_.lists();
  EXPECT_EQ(times_said(), 0u);
}

TEST_F(KubernetesEndpointsTest, ATokenThatRotatesIsReadAgain) {
  connect();
  ASSERT_TRUE(list());
  watch();
  ASSERT_TRUE(is_watched(1));
  api_.accept_token("second");
  api_.mount_token("second\n");
  api_.end_watches();
  ASSERT_TRUE(is_watched(2));
  EXPECT_EQ(api_.lists(), 1);
}

TEST_F(KubernetesEndpointsTest, WithATokenThatIsOverTheHostsStayAndItGoesOnWithANewOne) {
  connect();
  ASSERT_TRUE(list());
  testing::internal::CaptureStderr();
  watch();
  ASSERT_TRUE(is_watched(1));
  api_.accept_token("second");
  api_.end_watches();
  // Watches first, and then lists.
  ASSERT_TRUE(client_->eventually([&] { return api_.refused() >= 2; }));
  EXPECT_EQ(times_said(), 0u);
  api_.put(slice("nodes-a", {"10.0.0.9"}));
  api_.mount_token("second");
  EXPECT_TRUE(says({"10.0.0.9:8080"}));
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("does not accept the service account's token"));
  EXPECT_THAT(log, Not(HasSubstr("first")));
  EXPECT_THAT(log, Not(HasSubstr("second")));
}

TEST_F(KubernetesEndpointsTest, ARefusedListSaysWhatIsNeeded) {
  connect();
  api_.refuse("list", 403);
  const Error error = list_error();
  EXPECT_EQ(error.code, ErrorCode::kUnavailable);
  EXPECT_THAT(error.message, HasSubstr("verb \"list\" on the resource \"endpointslices\""));
  EXPECT_THAT(error.reason, HasSubstr("cannot list resource"));
}

TEST_F(KubernetesEndpointsTest, WithoutTheRightToWatchTheHostsAreListedAgainAndAgain) {
  api_.refuse("watch", 403);
  connect();
  testing::internal::CaptureStderr();
  watch();
  ASSERT_TRUE(says({"10.0.0.1:8080", "10.0.0.2:8080"}));
  api_.put(slice("nodes-a", {"10.0.0.9"}));
  EXPECT_TRUE(says({"10.0.0.9:8080"}));
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("with the verb \"watch\""));
}

TEST_F(KubernetesEndpointsTest, ASilentWatchIsBegunAgain) {
  connect(30ms);
  ASSERT_TRUE(list());
  watch();
  EXPECT_TRUE(is_watched(3));
  EXPECT_EQ(api_.lists(), 1);
  EXPECT_EQ(times_said(), 0u);
}

TEST_F(KubernetesEndpointsTest, AnApiThatIsAwayIsAskedUntilItIsThere) {
  api_.refuse("list", 500);
  connect();
  EXPECT_THAT(list_error().message, HasSubstr("answered with status 500"));
  watch();
  api_.refuse("list", 0);
  EXPECT_TRUE(says({"10.0.0.1:8080", "10.0.0.2:8080"}));
}

TEST_F(KubernetesEndpointsTest, AnApiThatCannotBeReachedIsUnavailable) {
  KubernetesAccess access = api_.access();
  access.url = "https://127.0.0.1:1";
  connect_to(access);
  const Error error = list_error();
  EXPECT_EQ(error.code, ErrorCode::kUnavailable);
  EXPECT_EQ(error.message, "the Kubernetes API cannot be reached");
  EXPECT_THAT(error.reason, HasSubstr("127.0.0.1:1"));
}

TEST_F(KubernetesEndpointsTest, AnotherAuthoritysApiIsNotGivenTheToken) {
  const KubernetesStandIn other;
  KubernetesAccess access = api_.access();
  access.ca_file = other.access().ca_file;
  connect_to(access);
  EXPECT_THAT(list_error().reason, HasSubstr("certificate is not valid"));
}

TEST_F(KubernetesEndpointsTest, AMissingTokenIsAnError) {
  connect();
  api_.mount_token("");
  EXPECT_THAT(list_error().message, HasSubstr("no token of a service account"));
}

TEST_F(KubernetesEndpointsTest, AListThatIsTooLargeIsRefused) {
  connect();
  ASSERT_TRUE(list());
  SliceJson large = slice("nodes-b", {});
  large.ports = "[" + std::string(5'000'000, ' ') + "]";
  api_.put(large);
  EXPECT_EQ(list_error().code, ErrorCode::kUnavailable);
}

TEST_F(KubernetesEndpointsTest, StopEndsAWatchThatWaits) {
  connect();
  watch();
  ASSERT_TRUE(is_watched(1));
  endpoints_->stop(); // the fixture waits for its end
}

TEST_F(KubernetesEndpointsTest, LoopsMayEndBeforeAWatchThatWasStoppedHas) {
  connect();
  net::detach(client_->loops().executor(0), endpoints_->watch([](const auto&) {}));
  ASSERT_TRUE(is_watched(1));
  endpoints_->stop();
  client_.reset();
}

TEST_F(KubernetesEndpointsTest, OneThatWasStoppedDoesNotWatch) {
  connect();
  endpoints_->stop();
  watch();
}

} // namespace
} // namespace raglan::balancer

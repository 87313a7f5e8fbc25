// Members whose upstream is a Service of the stand-in for the Kubernetes API.
#include "balancer/kubernetes_stand_in_test.h"
#include "balancer/members.h"
#include "http/client_fixture_test.h"
#include "net/detach.h"

namespace raglan::balancer {
namespace {

using testing::ElementsAre;

constexpr const char* kUrl = "kubernetes://rag/nodes:http";

class KubernetesMembersTest : public testing::Test {
 protected:
  ~KubernetesMembersTest() override {
    members_.stop();
    client_.loops().stop();
  }

  Result<> run(net::Task<Result<>> task) {
    return net::run_on(client_.loops().executor(0), std::move(task));
  }
  static SliceJson slice(const std::string& address) {
    return {"nodes-a", {endpoint_json(address)}};
  }
  std::vector<std::string> hosts() const {
    std::vector<std::string> names;
    for (const auto& host : *fleet_.hosts()) names.push_back(host->address.name);
    return names;
  }
  bool has(const std::vector<std::string>& names) {
    return client_.eventually([&] { return hosts() == names; });
  }

  KubernetesStandIn api_;
  Fleet fleet_;
  net::Resolver resolver_;
  http::ClientFixture client_{kubernetes_client_config(api_.access()), 1};
  Members members_{fleet_, resolver_,
                   Members::Cluster{api_.access(), client_.client(), SystemClock::instance()}};
};

TEST_F(KubernetesMembersTest, TheHostsFollowTheServiceUntilItIsTakenOut) {
  api_.put(slice("10.0.0.1"));
  const auto set = run(members_.set({{kUrl, 2}, {"http://127.0.0.1:9", 1}}));
  ASSERT_TRUE(set) << explain(set.error());
  EXPECT_THAT(hosts(), ElementsAre("10.0.0.1:8080", "127.0.0.1:9"));
  api_.put(slice("10.0.0.2"));
  EXPECT_TRUE(has({"10.0.0.2:8080", "127.0.0.1:9"}));
  ASSERT_TRUE(run(members_.add({kUrl, 5})));
  EXPECT_EQ(fleet_.hosts()->at(0)->weight, 5u);
  EXPECT_EQ(api_.lists(), 1);
  ASSERT_TRUE(run(members_.remove(kUrl)));
  EXPECT_THAT(hosts(), ElementsAre("127.0.0.1:9"));
  ASSERT_TRUE(run(members_.add({kUrl, 1})));
  api_.put(slice("10.0.0.3"));
  EXPECT_TRUE(has({"127.0.0.1:9", "10.0.0.3:8080"}));
}

TEST_F(KubernetesMembersTest, OneThatCannotBeAskedForHasNoHostsUntilItCan) {
  api_.put(slice("10.0.0.1"));
  api_.refuse("list", 403);
  EXPECT_EQ(run(members_.set({{kUrl, 1}})).error().code, ErrorCode::kUnavailable);
  ASSERT_TRUE(run(members_.set({{kUrl, 1}, {"http://127.0.0.1:9", 1}})));
  EXPECT_THAT(hosts(), ElementsAre("127.0.0.1:9"));
  api_.refuse("list", 0);
  EXPECT_TRUE(has({"10.0.0.1:8080", "127.0.0.1:9"}));
}

TEST_F(KubernetesMembersTest, OutsideOfAClusterItIsAnError) {
  Members members(fleet_, resolver_);
  EXPECT_EQ(run(members.add({kUrl, 1})).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(run(members_.add({"kubernetes://rag/nodes", 1})).error().code,
            ErrorCode::kInvalidField);
}

} // namespace
} // namespace raglan::balancer

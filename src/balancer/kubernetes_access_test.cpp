#include "balancer/kubernetes_access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "balancer/kubernetes_requests.h"
#include "balancer/slice_json_test.h"
#include "base/temporary_folder.h"
#include "http/url.h"

namespace raglan::balancer {
namespace {

using testing::HasSubstr;
using testing::Not;

class KubernetesAccessTest : public testing::Test {
 protected:
  void write(const std::string& name, std::string_view text) {
    std::ofstream(folder_.path() / name) << text;
  }
  Result<KubernetesAccess> access(std::string_view host, std::string_view port) {
    return in_cluster_access(host, port, folder_.path());
  }
  Result<std::string> token_of(std::string_view text) {
    write("token", text);
    return read_token(folder_.path() / "token");
  }

  TemporaryFolder folder_ = *TemporaryFolder::make("raglan-kubernetes-");
};

TEST_F(KubernetesAccessTest, IsWhatThePodsEnvironmentAndFolderSay) {
  write("token", "secret\n");
  write("ca.crt", "certificates");
  const auto found = access("10.96.0.1", "443");
  ASSERT_TRUE(found) << explain(found.error());
  EXPECT_EQ(found->url, "https://10.96.0.1:443");
  EXPECT_EQ(read_token(found->token_file), "secret");
  EXPECT_EQ(kubernetes_client_config(*found).ca_file, found->ca_file);
  EXPECT_EQ(access("fd00::1", "443").value_or(KubernetesAccess()).url, "https://[fd00::1]:443");
}

TEST_F(KubernetesAccessTest, WhatIsMissingIsNamed) {
  EXPECT_THAT(explain(access("", "443").error()), HasSubstr("KUBERNETES_SERVICE_HOST"));
  EXPECT_THAT(explain(access("10.96.0.1", "").error()), HasSubstr("KUBERNETES_SERVICE_PORT"));
  EXPECT_THAT(explain(access("10.96.0.1", "https").error()), HasSubstr("is not a port"));
  const Error no_token = access("10.96.0.1", "443").error();
  EXPECT_EQ(no_token.code, ErrorCode::kUnavailable);
  EXPECT_THAT(no_token.message, Not(HasSubstr(folder_.path().string())));
  EXPECT_THAT(explain(no_token), HasSubstr("token"));
  write("token", "secret");
  EXPECT_THAT(explain(access("10.96.0.1", "443").error()), HasSubstr("ca.crt"));
}

TEST_F(KubernetesAccessTest, ATokenIsOneWord) {
  EXPECT_EQ(token_of("secret\r\n"), "secret");
  for (const std::string& text :
       {std::string(), std::string("\n"), std::string("two words"), std::string("two\nlines"),
        std::string("nul\0", 4), std::string("\xc3\xa4"), std::string(70'000, 'a')}) {
    const auto token = token_of(text);
    ASSERT_FALSE(token);
    EXPECT_EQ(token.error().code, ErrorCode::kUnavailable);
    EXPECT_THAT(explain(token.error()), Not(HasSubstr("two")));
  }
}

TEST(KubernetesRequests, AreAsTheApiHasThem) {
  const KubernetesService service = *parse_kubernetes_url("kubernetes://rag/nodes:http");
  const KubernetesAccess access{"https://10.96.0.1:443", "", ""};
  const std::string list =
      "https://10.96.0.1:443/apis/discovery.k8s.io/v1/namespaces/rag/endpointslices"
      "?labelSelector=kubernetes.io%2Fservice-name%3Dnodes";
  const auto listing = list_request(access, service, "secret");
  EXPECT_EQ(listing.method, "GET");
  EXPECT_EQ(listing.url, list);
  EXPECT_EQ(listing.headers.get("authorization"), "Bearer secret");
  const auto watching = watch_request(access, service, "1&2", std::chrono::seconds(300), "secret");
  EXPECT_EQ(watching.url, list +
                              "&watch=true&resourceVersion=1%262&allowWatchBookmarks=true"
                              "&timeoutSeconds=300");
}

TEST(KubernetesRequests, ARefusalSaysWhatHasToBeChanged) {
  const KubernetesService service = *parse_kubernetes_url("kubernetes://rag/nodes:http");
  const auto meaning = [&](int status, std::string_view body = {}) {
    const Error error = refusal("watch", service, status, body, "secret");
    EXPECT_EQ(error.code, ErrorCode::kUnavailable);
    return explain(error);
  };
  EXPECT_THAT(meaning(401), HasSubstr("does not accept the service account's token"));
  EXPECT_THAT(meaning(403), HasSubstr("in the namespace rag with the verb \"watch\""));
  EXPECT_THAT(meaning(403), HasSubstr("\"endpointslices\" of the API group \"discovery.k8s.io\""));
  EXPECT_THAT(meaning(404), HasSubstr("discovery.k8s.io/v1"));
  EXPECT_THAT(meaning(503, "<html>"), HasSubstr("status 503"));
  EXPECT_THAT(meaning(403, status_json(403, "Forbidden", "User x cannot watch")),
              HasSubstr("User x cannot watch"));
  EXPECT_THAT(meaning(401, status_json(401, "", "bad token secret")), Not(HasSubstr("secret")));
  EXPECT_LT(meaning(403, status_json(403, "", std::string(5000, 'a'))).size(), 1000u);
}

} // namespace
} // namespace raglan::balancer

#include "config/environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace raglan::config {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(Environment, DotsBecomeDoubleUnderscores) {
  EXPECT_EQ(environment_name("cache.query.max_bytes"), "RAGLAN_CACHE__QUERY__MAX_BYTES");
}

TEST(Environment, OnlyOurVariablesAreTaken) {
  const char* const environment[] = {"PATH=/bin", "RAGLAN_A__B=1=2", "RAGLANX=1",
                                     "RAGLAN_C__D=", nullptr};
  EXPECT_THAT(raglan_variables(environment),
              ElementsAre(Pair("RAGLAN_A__B", "1=2"), Pair("RAGLAN_C__D", "")));
}

TEST(Environment, KubernetesServiceVariablesAreRecognised) {
  EXPECT_TRUE(is_kubernetes_service_variable("RAGLAN_SERVICE_HOST", "10.0.0.1"));
  EXPECT_TRUE(is_kubernetes_service_variable("RAGLAN_SERVICE_PORT", "80"));
  EXPECT_TRUE(is_kubernetes_service_variable("RAGLAN_NODE_SERVICE_PORT_HTTP", "80"));
  EXPECT_TRUE(is_kubernetes_service_variable("RAGLAN_PORT", "tcp://10.0.0.1:80"));
  EXPECT_TRUE(is_kubernetes_service_variable("RAGLAN_PORT_80_TCP", "tcp://10.0.0.1:80"));
  EXPECT_TRUE(is_kubernetes_service_variable("RAGLAN_PORT_80_TCP_ADDR", "10.0.0.1"));
}

TEST(Environment, SettingsAndTyposAreNotTakenForThem) {
  EXPECT_FALSE(is_kubernetes_service_variable("RAGLAN_SERVER__SERVICE_HOST", "x"));
  EXPECT_FALSE(is_kubernetes_service_variable("RAGLAN_SERVER_LISTEN", "x"));
  EXPECT_FALSE(is_kubernetes_service_variable("RAGLAN_PORT", "8080"));
}

} // namespace
} // namespace raglan::config

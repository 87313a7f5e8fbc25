// It is not run here: the golden text was held against the target's own description of its format.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "export/example_fleet_test.h"

namespace raglan::exporting {
namespace {

using policy::Strategy;
using testing::HasSubstr;
using testing::Not;

TEST(ExportAwsAlb, WritesAStack) {
  EXPECT_EQ(rendered(Target::kAwsAlb, example_fleet(Strategy::kRoundRobin)),
            R"---(# Raglan: 3 nodes behind one address.
# For an Application Load Balancer of AWS: aws cloudformation deploy --template-file
# raglan-alb.yaml --stack-name raglan --parameter-overrides Vpc=... Subnets=...
# SecurityGroups=...
# Strategy round_robin: as Raglan's own balancer has it.
# Answers are not buffered: events go on as they come. It does not repeat requests, and knows no
# limit of bodies: each node has its own (413). X-Forwarded-For and -Proto it sets by itself; an
# x-request-id it passes on, and the node makes one where there is none.

AWSTemplateFormatVersion: "2010-09-09"
Description: Raglan nodes behind an Application Load Balancer
Parameters:
  Vpc: {Type: "AWS::EC2::VPC::Id"}
  Subnets: {Type: "List<AWS::EC2::Subnet::Id>"}
  SecurityGroups: {Type: "List<AWS::EC2::SecurityGroup::Id>"}
  Node3Address: {Type: String, Description: "IP address of node-3:8080 in the VPC"}
Resources:
  LoadBalancer:
    Type: AWS::ElasticLoadBalancingV2::LoadBalancer
    Properties:
      Type: application
      Scheme: internal # or internet-facing
      Subnets: !Ref Subnets
      SecurityGroups: !Ref SecurityGroups
      LoadBalancerAttributes:
      # Without a byte, between requests and within an answer alike.
      - {Key: idle_timeout.timeout_seconds, Value: "60"}
      # The client is the last address in it, whatever it says of those before.
      - {Key: routing.http.xff_header_processing.mode, Value: append}
      - {Key: routing.http.preserve_host_header.enabled, Value: "true"}
  Listener:
    Type: AWS::ElasticLoadBalancingV2::Listener
    Properties:
      LoadBalancerArn: !Ref LoadBalancer
      Port: 8000
      Protocol: HTTP # or HTTPS, with Certificates
      DefaultActions: [{Type: forward, TargetGroupArn: !Ref Nodes}]
  Nodes:
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    Properties:
      TargetType: ip
      VpcId: !Ref Vpc
      Protocol: HTTP
      ProtocolVersion: HTTP1
      Port: 8080
      # The service allows 2 to 10 checks in a row, and not 1; an interval of 5 s or more that
      # is longer than the timeout.
      HealthCheckProtocol: HTTP
      HealthCheckPath: "/ready"
      HealthCheckTimeoutSeconds: 5
      HealthCheckIntervalSeconds: 10
      UnhealthyThresholdCount: 3
      HealthyThresholdCount: 2
      Matcher: {HttpCode: "200"}
      TargetGroupAttributes:
      - {Key: load_balancing.algorithm.type, Value: round_robin}
      # To drain a node: deregister it. What is in flight there has so long to end.
      - {Key: deregistration_delay.timeout_seconds, Value: "300"}
      - {Key: slow_start.duration_seconds, Value: "30"}
      Targets:
      - {Id: "10.0.0.1", Port: 8080}
      - {Id: "10.0.0.2", Port: 8080}
      - {Id: !Ref Node3Address, Port: 8080}
Outputs:
  Address: {Value: !GetAtt LoadBalancer.DNSName}
)---");
}

TEST(ExportAwsAlb, StartsSlowlyOnlyInTurns) {
  for (const Strategy strategy : kStrategies) {
    const std::string text = rendered(Target::kAwsAlb, example_fleet(strategy));
    const bool in_turns = text.contains("load_balancing.algorithm.type, Value: round_robin}");
    EXPECT_EQ(text.contains("slow_start.duration_seconds"), in_turns);
    EXPECT_EQ(text.contains("least_outstanding_requests"), !in_turns);
  }
}

TEST(ExportAwsAlb, KeepsAClientByACookieWhereItShouldBeByItsAddress) {
  EXPECT_THAT(rendered(Target::kAwsAlb, example_fleet(Strategy::kIpHash)), HasSubstr("lb_cookie"));
  EXPECT_THAT(rendered(Target::kAwsAlb, example_fleet()), Not(HasSubstr("lb_cookie")));
}

TEST(ExportAwsAlb, AsksForAddressesThatItCannotKnow) {
  Fleet fleet = example_fleet();
  fleet.nodes[0].host = "127.0.0.1";
  const std::string text = rendered(Target::kAwsAlb, fleet);
  EXPECT_THAT(text, HasSubstr("  Node1Address: {Type: String"));
  EXPECT_THAT(text, HasSubstr("- {Id: !Ref Node1Address, Port: 8080}\n"));
  EXPECT_THAT(text, Not(HasSubstr("Node2Address")));
}

TEST(ExportAwsAlb, StaysWithinTheServicesBounds) {
  Fleet fleet = example_fleet();
  fleet.health = {.timeout = std::chrono::milliseconds(500),
                  .interval = std::chrono::seconds(1),
                  .failure_threshold = 1};
  fleet.slow_start = std::chrono::hours(1);
  fleet.timeouts.response = std::chrono::hours(2);
  const std::string text = rendered(Target::kAwsAlb, fleet);
  for (const char* line : {"HealthCheckTimeoutSeconds: 2\n", "HealthCheckIntervalSeconds: 5\n",
                           "UnhealthyThresholdCount: 2\n", "HealthyThresholdCount: 2\n",
                           "slow_start.duration_seconds, Value: \"900\"}",
                           "idle_timeout.timeout_seconds, Value: \"4000\"}"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

} // namespace
} // namespace raglan::exporting

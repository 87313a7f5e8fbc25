// An Application Load Balancer of AWS, as a CloudFormation template.
#include <algorithm>

#include "export/renderers.h"
#include "export/text.h"

namespace raglan::exporting {
namespace {

using policy::Strategy;

constexpr std::string_view kRoundRobin = "round_robin";
constexpr std::string_view kLeastOutstanding = "least_outstanding_requests";

struct Balancing {
  std::string_view algorithm;
  std::string_view note;
};

Balancing balancing(Strategy strategy) {
  switch (strategy) {
    case Strategy::kRoundRobin: return {kRoundRobin, ""};
    case Strategy::kLeastConnections: return {kLeastOutstanding, ""};
    case Strategy::kWeightedRoundRobin:
      return {
          kLeastOutstanding,
          "a balancer of AWS weighs target groups, not targets, and goes on sending a group its "
          "share when none of its targets is healthy. So the weights are not in here; that a node "
          "with fewer open requests is preferred gives more to the faster ones."};
    case Strategy::kIpHash:
      return {kRoundRobin,
              "the balancer cannot hash addresses. A cookie keeps a client with its node; clients "
              "without "
              "cookies take turns."};
    case Strategy::kP2c: return {kLeastOutstanding, "all nodes are compared, not two."};
    case Strategy::kPrequal:
      return {kLeastOutstanding, "requests in flight are compared, and latency is not."};
    case Strategy::kAffinity:
      return {
          kLeastOutstanding,
          "the balancer cannot see what is asked, so a question may go to any node and find its "
          "answer in no "
          "cache there but one that the nodes share (redis.url). What is left of affinity is what "
          "it falls back to, without latency."};
  }
  return {kRoundRobin, ""};
}

// Targets are addresses; a name, or this machine's own address, is asked for when the stack is
// made.
bool is_target_address(const Node& node) {
  return is_ip(node.host) && !node.host.starts_with("127.") && node.host != "::1";
}

void add_parameters(Text& text, const Fleet& fleet) {
  text.lines(R"(
AWSTemplateFormatVersion: "2010-09-09"
Description: Raglan nodes behind an Application Load Balancer
Parameters:
  Vpc: {Type: "AWS::EC2::VPC::Id"}
  Subnets: {Type: "List<AWS::EC2::Subnet::Id>"}
  SecurityGroups: {Type: "List<AWS::EC2::SecurityGroup::Id>"})");
  for (std::size_t place = 0; place < fleet.nodes.size(); ++place) {
    if (is_target_address(fleet.nodes[place])) continue;
    text.line("  Node{}Address: {{Type: String, Description: \"IP address of {} in the VPC\"}}",
              place + 1, authority(fleet.nodes[place]));
  }
}

void add_balancer(Text& text, const Fleet& fleet) {
  text.lines(R"(
Resources:
  LoadBalancer:
    Type: AWS::ElasticLoadBalancingV2::LoadBalancer
    Properties:
      Type: application
      Scheme: internal # or internet-facing
      Subnets: !Ref Subnets
      SecurityGroups: !Ref SecurityGroups
      LoadBalancerAttributes:)");
  const auto silent = std::max(fleet.timeouts.idle, fleet.timeouts.response);
  text.comment("Without a byte, between requests and within an answer alike.", 6);
  text.line("      - {{Key: idle_timeout.timeout_seconds, Value: \"{}\"}}",
            whole_seconds(silent, 1, 4000));
  text.comment("The client is the last address in it, whatever it says of those before.", 6);
  text.lines(R"(
      - {Key: routing.http.xff_header_processing.mode, Value: append}
      - {Key: routing.http.preserve_host_header.enabled, Value: "true"}
  Listener:
    Type: AWS::ElasticLoadBalancingV2::Listener
    Properties:
      LoadBalancerArn: !Ref LoadBalancer)");
  text.line("      Port: {}", fleet.listen.port);
  text.lines(R"(
      Protocol: HTTP # or HTTPS, with Certificates
      DefaultActions: [{Type: forward, TargetGroupArn: !Ref Nodes}])");
}

void add_checks(Text& text, const Fleet& fleet) {
  const Health& health = fleet.health;
  const auto timeout = whole_seconds(health.timeout, 2, 120);
  const auto interval = whole_seconds(health.interval, std::max<std::int64_t>(5, timeout + 1), 300);
  text.comment(
      "The service allows 2 to 10 checks in a row, and not 1; an interval of 5 s or more that "
      "is longer than the timeout.",
      6);
  text.line(R"(      HealthCheckProtocol: {}
      HealthCheckPath: "{}"
      HealthCheckTimeoutSeconds: {}
      HealthCheckIntervalSeconds: {}
      UnhealthyThresholdCount: {}
      HealthyThresholdCount: {}
      Matcher: {{HttpCode: "200"}})",
            uses_tls(fleet) ? "HTTPS" : "HTTP", health.path, timeout, interval,
            std::max(2u, health.failure_threshold), std::max(2u, health.success_threshold));
}

void add_attributes(Text& text, const Fleet& fleet) {
  const std::string_view algorithm = balancing(fleet.strategy).algorithm;
  text.line(R"(      TargetGroupAttributes:
      - {{Key: load_balancing.algorithm.type, Value: {}}}
      # To drain a node: deregister it. What is in flight there has so long to end.
      - {{Key: deregistration_delay.timeout_seconds, Value: "300"}})",
            algorithm);
  if (algorithm == kRoundRobin && fleet.slow_start.count() > 0) {
    text.line("      - {{Key: slow_start.duration_seconds, Value: \"{}\"}}",
              whole_seconds(fleet.slow_start, 30, 900));
  } else if (fleet.slow_start.count() > 0) {
    text.comment("No slow start: the service has it with round_robin only.", 6);
  }
  if (fleet.strategy == Strategy::kIpHash) {
    text.lines(R"(
      - {Key: stickiness.enabled, Value: "true"}
      - {Key: stickiness.type, Value: lb_cookie}
      - {Key: stickiness.lb_cookie.duration_seconds, Value: "86400"})");
  }
}

void add_target_group(Text& text, const Fleet& fleet) {
  text.line(R"(  Nodes:
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    Properties:
      TargetType: ip{}
      VpcId: !Ref Vpc
      Protocol: {}
      ProtocolVersion: HTTP1
      Port: {})",
            is_ipv6(fleet.nodes.front().host) ? "\n      IpAddressType: ipv6" : "",
            uses_tls(fleet) ? "HTTPS" : "HTTP", fleet.nodes.front().port);
  add_checks(text, fleet);
  add_attributes(text, fleet);
  text.lines("      Targets:");
  for (std::size_t place = 0; place < fleet.nodes.size(); ++place) {
    const Node& node = fleet.nodes[place];
    const std::string id = is_target_address(node) ? fmt::format("\"{}\"", node.host)
                                                   : fmt::format("!Ref Node{}Address", place + 1);
    text.line("      - {{Id: {}, Port: {}}}", id, node.port);
  }
}

} // namespace

std::string render_aws_alb(const Fleet& fleet) {
  Text text("#");
  begin(text, fleet,
        "For an Application Load Balancer of AWS: aws cloudformation deploy --template-file "
        "raglan-alb.yaml --stack-name raglan --parameter-overrides Vpc=... Subnets=... "
        "SecurityGroups=...",
        balancing(fleet.strategy).note);
  if (uses_tls(fleet)) text.comment("It does not check the certificates of nodes.");
  text.comment(
      "Answers are not buffered: events go on as they come. It does not repeat requests, and "
      "knows no limit of bodies: each node has its own (413). X-Forwarded-For and -Proto it "
      "sets by itself; an x-request-id it passes on, and the node makes one where there is "
      "none.");
  text.blank();
  add_parameters(text, fleet);
  add_balancer(text, fleet);
  add_target_group(text, fleet);
  text.lines("Outputs:\n  Address: {Value: !GetAtt LoadBalancer.DNSName}");
  return text.take();
}

} // namespace raglan::exporting

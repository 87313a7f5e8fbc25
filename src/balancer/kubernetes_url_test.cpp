#include "balancer/kubernetes_url.h"

#include <gtest/gtest.h>

namespace raglan::balancer {
namespace {

TEST(KubernetesUrl, NamesAServiceAndAPortByNumberOrName) {
  const auto number = parse_kubernetes_url("kubernetes://rag/nodes:8080");
  ASSERT_TRUE(number);
  EXPECT_EQ(number->name_space, "rag");
  EXPECT_EQ(number->name, "nodes");
  EXPECT_EQ(number->port_name, "");
  EXPECT_EQ(number->port, 8080);
  const auto name = parse_kubernetes_url("kubernetes://rag-2/the-nodes:http");
  ASSERT_TRUE(name);
  EXPECT_EQ(name->port_name, "http");
  EXPECT_EQ(name->port, 0);
}

TEST(KubernetesUrl, IsWrittenAsItWasRead) {
  for (const std::string url : {"kubernetes://rag/nodes:8080", "kubernetes://a/b:http-2"}) {
    EXPECT_EQ(parse_kubernetes_url(url).value_or(KubernetesService()).url(), url);
  }
}

TEST(KubernetesUrl, WhatKubernetesWouldNotAllowIsRefused) {
  const std::string long_name(64, 'a');
  for (const std::string url : {"http://rag/nodes:80",
                                "kubernetes://",
                                "kubernetes://rag",
                                "kubernetes://rag/nodes",
                                "kubernetes://nodes:80",
                                "kubernetes:///nodes:80",
                                "kubernetes://rag/:80",
                                "kubernetes://rag/nodes:",
                                "kubernetes://rag/nodes:0",
                                "kubernetes://rag/nodes:65536",
                                "kubernetes://rag/nodes:80/",
                                "kubernetes://rag/nodes/more:80",
                                "kubernetes://rag/a.b:80",
                                "kubernetes://RAG/nodes:80",
                                "kubernetes://rag/-nodes:80",
                                "kubernetes://rag/nodes-:80",
                                "kubernetes://rag/nodes:-1",
                                "kubernetes://rag/no%64es:80",
                                "kubernetes://rag/n?a=b:80",
                                "kubernetes://user@rag/nodes:80",
                                "kubernetes://rag/nodes:80:80"}) {
    const auto parsed = parse_kubernetes_url(url);
    ASSERT_FALSE(parsed) << url;
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalidField);
    EXPECT_EQ(parsed.error().param, "/url");
  }
  EXPECT_FALSE(parse_kubernetes_url("kubernetes://rag/" + long_name + ":80"));
}

} // namespace
} // namespace raglan::balancer

#include "app/local_llm.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/temporary_folder.h"
#include "http/blocking_client.h"

namespace raglan::app {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
namespace fs = std::filesystem;

// Takes llama-server's arguments, and answers with what it was given, when the key is right.
constexpr std::string_view kServer = R"(#!/usr/bin/python3
import http.server, json, os, socket, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        key = "Bearer " + os.environ["LLAMA_API_KEY"]
        allowed = self.path == "/health" or self.headers["Authorization"] == key
        body = json.dumps({"arguments": sys.argv[1:]}).encode() if allowed else b""
        self.send_response(200 if allowed else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
class Server(http.server.ThreadingHTTPServer):
    def server_bind(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        super().server_bind()
Server(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Handler).serve_forever()
)";

constexpr std::string_view kAbout =
    R"({"server": "server", "weights": "w.gguf", "model": "tiny", "context_tokens": 2048})";

class LocalLlmTest : public testing::Test {
 protected:
  LocalLlmTest() { fs::create_directory(installed_); }
  void write(const std::string& name, std::string_view text) {
    std::ofstream(installed_ / name) << text;
  }
  void install() {
    write("llm.json", kAbout);
    write("w.gguf", "weights");
    write("server", kServer);
    fs::permissions(installed_ / "server", fs::perms::owner_all);
  }

  TemporaryFolder folder_ = *TemporaryFolder::make("raglan-llm-");
  fs::path installed_ = folder_.path() / "llm";
  telemetry::MetricRegistry metrics_;
};

TEST_F(LocalLlmTest, IsFoundInTheDataFolder) {
  install();
  const auto found = find_llm("", folder_.path());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->server, installed_ / "server");
  EXPECT_EQ(found->weights, installed_ / "w.gguf");
  EXPECT_EQ(found->model, "tiny");
  EXPECT_EQ(found->context_tokens, 2048U);
}

TEST_F(LocalLlmTest, WhatIsMissingNamesTheCommandThatMakesIt) {
  const auto found = find_llm((folder_.path() / "nothing").string(), folder_.path());
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(found.error().message, HasSubstr((folder_.path() / "nothing").string()));
  EXPECT_THAT(found.error().message, HasSubstr("./dev llm"));
}

TEST_F(LocalLlmTest, AFolderThatLacksItsWeightsIsCorrupt) {
  install();
  fs::remove(installed_ / "w.gguf");
  const auto found = find_llm(installed_.string(), folder_.path());
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::kCorrupt);
  EXPECT_THAT(found.error().message, HasSubstr("./dev llm"));
}

TEST_F(LocalLlmTest, ServesWhoHasTheKeyAndNobodyElse) {
  install();
  supervisor::Supervisor supervisor(metrics_);
  const auto llm = LocalLlm::start(*find_llm(installed_.string(), {}), {}, supervisor,
                                   folder_.path() / "llm.log");
  ASSERT_TRUE(llm);
  ASSERT_TRUE(supervisor.wait_until_ready(LocalLlm::kChild, 60s));
  EXPECT_EQ(llm->model, "tiny");
  EXPECT_EQ(llm->context_tokens, 2048U); // the model's own, not the 4096 asked for
  EXPECT_EQ(llm->api_key.reveal().size(), 64U);

  http::BlockingClient client;
  EXPECT_EQ(client.send({.url = llm->base_url + "/models"}, 20s)->status, 401);
  http::ClientRequest request{.url = llm->base_url + "/models"};
  request.headers.add("Authorization", "Bearer " + llm->api_key.reveal());
  const auto answer = client.send(std::move(request), 20s);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_THAT(answer->body, HasSubstr(R"("--ctx-size", "4096")")); // of both slots
  EXPECT_THAT(answer->body, HasSubstr("--offline"));
  EXPECT_THAT(answer->body, testing::Not(HasSubstr(llm->api_key.reveal())));
}

} // namespace
} // namespace raglan::app

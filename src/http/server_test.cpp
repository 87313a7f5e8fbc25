#include "http/server.h"

#include "http/server_fixture_test.h"

namespace raglan::http {
namespace {

std::string hello(std::string_view date) {
  return "HTTP/1.1 200 OK\r\ndate: " + std::string(date) +
         "\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 5\r\n\r\nhello";
}

std::string date_of(const std::string& response) {
  const auto at = response.find("date: ") + 6;
  return response.substr(at, response.find("\r\n", at) - at);
}

TEST_F(ServerTest, AnswersWithExactlyTheseBytes) {
  start();
  RawClient client(port());
  client.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto response = client.read_response();
  EXPECT_EQ(response, hello(date_of(response)));
  EXPECT_EQ(date_of(response).size(), 29U);
  EXPECT_THAT(date_of(response), EndsWith(" GMT"));
}

// What a body looks like to a client does not depend on the room in front of it.
TEST_F(ServerTest, TheRoomForTheHeadIsNoPartOfTheBody) {
  const auto answer = [](Request& request) -> net::Task<Response> {
    std::string body = std::move(request.spare_body);
    body.assign(kHeadRoomBytes, '#');
    body.append(std::stoul(request.query), 'x');
    auto response = text_response(200, std::move(body));
    response.head_room_bytes = kHeadRoomBytes;
    if (request.headers.contains("long")) {
      response.headers.add("longer-than-the-room", std::string(kHeadRoomBytes, 'l'));
    }
    co_return response;
  };
  router_.add("GET", "/roomy", answer);
  start();
  RawClient client(port());
  for (const std::size_t bytes : {0UL, 1UL, 5'000UL, 100'000UL, 20'000'000UL, 3UL}) {
    const std::string target = "/roomy?" + std::to_string(bytes);
    const std::string length = "\r\ncontent-length: " + std::to_string(bytes) + "\r\n\r\n";
    for (const std::string_view field : {"", "long: yes\r\n"}) {
      client.send("GET " + target + " HTTP/1.1\r\nHost: x\r\n" + std::string(field) + "\r\n");
      const std::string response = client.read_response();
      EXPECT_TRUE(response.ends_with(length + std::string(bytes, 'x'))) << bytes << field;
      EXPECT_THAT(response.substr(0, response.find(length)), Not(HasSubstr("#")));
    }
    client.send("HEAD " + target + " HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(client.read_until("\r\n\r\n"), EndsWith(length));
  }
}

TEST_F(ServerTest, AnAnswerCarriesItsRequestsId) {
  start();
  RawClient client(port());
  client.send("GET /hello HTTP/1.1\r\nHost: x\r\nX-Request-Id: mine\r\n\r\n");
  EXPECT_THAT(client.read_response(), HasSubstr("\r\nx-request-id: mine\r\n"));
  client.send("GET /nowhere HTTP/1.1\r\nHost: x\r\nX-Request-Id: mine too\r\n\r\n");
  const std::string refused = client.read_response();
  EXPECT_THAT(refused, HasSubstr("\r\nx-request-id: mine too\r\n"));
  EXPECT_EQ(refused.find("x-request-id"), refused.rfind("x-request-id"));
}

TEST_F(ServerTest, KeepsTheConnectionForTheNextRequest) {
  start();
  RawClient client(port());
  for (int i = 0; i < 3; ++i) {
    client.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(client.read_response(), EndsWith("hello"));
  }
  EXPECT_EQ(server_->connections(), 1U);
}

TEST_F(ServerTest, AnswersPipelinedRequestsInOrder) {
  start();
  RawClient client(port());
  std::string requests;
  for (int i = 0; i < 200; ++i) {
    const auto body = std::to_string(i);
    requests += "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) +
                "\r\n\r\n" + body;
  }
  client.send(requests);
  for (int i = 0; i < 200; ++i) {
    ASSERT_THAT(client.read_response(), EndsWith("\r\n\r\n" + std::to_string(i)));
  }
}

TEST_F(ServerTest, ReadsARequestThatArrivesByteByByte) {
  start();
  RawClient client(port());
  const std::string_view request =
      "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: t\r\n\r\n";
  for (const char byte : request) client.send({&byte, 1});
  EXPECT_THAT(client.read_response(), EndsWith("\r\n\r\nabcde"));
}

TEST_F(ServerTest, AsksForTheBodyWhenTheClientExpectsIt) {
  start();
  RawClient client(port());
  client.send(
      "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("body");
  EXPECT_THAT(client.read_response(), EndsWith("\r\n\r\nbody"));
}

TEST_F(ServerTest, DoesNotAskForABodyThatItRefuses) {
  config_.limits.max_body_bytes = 3;
  start();
  RawClient client(port());
  client.send(
      "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  EXPECT_THAT(client.read_response(), StartsWith("HTTP/1.1 413 "));
}

TEST_F(ServerTest, HeadGetsTheHeadOfGet) {
  start();
  RawClient client(port());
  client.send("HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\nGET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto head = client.read_until("\r\n\r\n");
  EXPECT_THAT(head, HasSubstr("content-length: 5\r\n"));
  EXPECT_THAT(client.read_response(), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(ServerTest, NoContentHasNeitherBodyNorLength) {
  start();
  RawClient client(port());
  client.send("GET /empty HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.read_to_end(), Not(HasSubstr("content-length")));
}

TEST_F(ServerTest, Http10ClosesUnlessAskedToKeepAlive) {
  start();
  RawClient client(port());
  client.send("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_THAT(client.read_response(), HasSubstr("\r\nconnection: keep-alive\r\n"));
  client.send("GET /hello HTTP/1.0\r\n\r\n");
  EXPECT_THAT(client.read_to_end(), HasSubstr("\r\nconnection: close\r\n"));
}

TEST_F(ServerTest, ConnectionCloseIsObeyed) {
  start();
  RawClient client(port());
  client.send("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.read_to_end(), EndsWith("hello"));
}

TEST_F(ServerTest, ClosesAfterTheConfiguredNumberOfRequests) {
  config_.max_requests_per_connection = 2;
  start();
  RawClient client(port());
  client.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.read_response(), Not(HasSubstr("connection: close")));
  client.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.read_to_end(), HasSubstr("\r\nconnection: close\r\n"));
}

TEST_F(ServerTest, StreamsInChunks) {
  start();
  RawClient client(port());
  client.send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.read_until("\r\n\r\n"), HasSubstr("\r\ntransfer-encoding: chunked\r\n"));
  EXPECT_EQ(client.read_until("0\r\n\r\n"), "3\r\none\r\nc\r\ntwelve bytes\r\n0\r\n\r\n");
  client.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.read_response(), EndsWith("hello"));
}

TEST_F(ServerTest, StreamsToHttp10UntilTheConnectionCloses) {
  start();
  RawClient client(port());
  client.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const auto response = client.read_to_end();
  EXPECT_THAT(response, Not(HasSubstr("transfer-encoding")));
  EXPECT_THAT(response, EndsWith("\r\n\r\nonetwelve bytes"));
}

TEST_F(ServerTest, ABrokenStreamHasNoLastChunk) {
  start();
  RawClient client(port());
  client.send("GET /broken-stream HTTP/1.1\r\nHost: x\r\n\r\n");
  client.read_until("\r\n\r\n");
  EXPECT_THAT(client.read_to_end(), Not(HasSubstr("0\r\n\r\n")));
}

TEST_F(ServerTest, AThrowingHandlerIsAnInternalError) {
  configure_log(LogLevel::kOff, LogFormat::kText);
  start();
  RawClient client(port());
  client.send("GET /throw HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto response = client.read_response();
  EXPECT_THAT(response, StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(response, HasSubstr(R"({"error":{"message":"internal error","type":"server_error",)"
                                  R"("code":"internal","param":null},"request_id":")"));
}

TEST_F(ServerTest, SendsALargeBodyWhole) {
  start();
  RawClient client(port());
  client.send("GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const auto response = client.read_to_end();
  EXPECT_EQ(response.size() - response.find("\r\n\r\n") - 4, 32U * 1024 * 1024);
}

TEST_F(ServerTest, AStreamWaitsForItsReader) {
  start();
  RawClient client(port(), 16 * 1024);
  client.send("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n");
  client.read_bytes(1024 * 1024);
  // What the writer is ahead of us fits into the two socket buffers.
  EXPECT_LT(endless_bytes_, 16U * 1024 * 1024);
  client.close();
  ASSERT_TRUE(wait_for_completion());
  EXPECT_THAT(statuses(), testing::ElementsAre(499));
}

TEST_F(ServerTest, AnswersAClientThatHasHalfClosed) {
  start();
  RawClient client(port());
  client.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  client.half_close();
  EXPECT_THAT(client.read_to_end(), EndsWith("hello"));
}

TEST_F(ServerTest, AHalfClosedRequestThatIsNotWholeGetsNoAnswer) {
  start();
  RawClient client(port());
  client.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  client.half_close();
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_TRUE(statuses().empty());
}

TEST_F(ServerTest, CancelsTheHandlerOfAClientThatLeaves) {
  start();
  RawClient client(port());
  client.send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(wait_until_held());
  client.close();
  ASSERT_TRUE(wait_for_completion());
  EXPECT_TRUE(handler_cancelled_);
  EXPECT_THAT(statuses(), testing::ElementsAre(499));
}

TEST_F(ServerTest, CancelsTheHandlerOfAClientThatResets) {
  start();
  RawClient client(port());
  client.send("GET /held-stream HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(wait_until_held());
  client.reset_on_close();
  client.close();
  ASSERT_TRUE(wait_for_completion());
  EXPECT_TRUE(handler_cancelled_);
}

TEST_F(ServerTest, ASlowHandlerIsNotCancelledWhileItsClientWaits) {
  start(1);
  RawClient client(port());
  RawClient first_to_leave(port());
  RawClient second_to_leave(port());
  for (auto* asking : {&client, &first_to_leave, &second_to_leave}) {
    asking->send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    ASSERT_TRUE(wait_until_held());
  }
  clock_.advance(std::chrono::hours(1));
  // A sweep that finds a client gone has looked at all of them; the second one began after that.
  for (auto* leaving : {&first_to_leave, &second_to_leave}) {
    leaving->close();
    ASSERT_TRUE(wait_for_completion());
  }
  release();
  EXPECT_THAT(client.read_response(), EndsWith("held"));
}

TEST_F(ServerTest, AnAnswerSaysHowManyOthersAreUnderWay) {
  start();
  RawClient client(port());
  RawClient held(port());
  RawClient streamed(port());
  const auto asked = [&] {
    client.send("GET /hello?counted HTTP/1.1\r\nHost: x\r\n\r\n");
    const std::string response = client.read_response();
    const auto at = response.find("x-raglan-load: ");
    return at == response.npos ? "none" : response.substr(at + 15, 1);
  };
  EXPECT_EQ(asked(), "0");
  held.send("GET /hold?counted HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(wait_until_held());
  EXPECT_EQ(asked(), "1");
  streamed.send("GET /held-stream?counted HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(wait_until_held());
  EXPECT_THAT(streamed.read_until("\r\n\r\n"), HasSubstr("\r\nx-raglan-load: 1\r\n"));
  EXPECT_EQ(asked(), "2");
  client.send("GET /throw?counted HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.read_response(), HasSubstr("\r\nx-raglan-load: 2\r\n"));
  release();
  held.read_response();
  streamed.read_until("0\r\n\r\n");
  EXPECT_EQ(asked(), "0"); // exactly, once they have been read
  client.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.read_response(), Not(HasSubstr("x-raglan-load")));
}

TEST_F(ServerTest, ARequestWhoseClientLeavesIsNoLoad) {
  start();
  for (const std::string path : {"/hold", "/held-stream", "/endless", "/large"}) {
    RawClient client(port());
    client.send("GET " + path + "?counted HTTP/1.1\r\nHost: x\r\n\r\n");
    ASSERT_TRUE(eventually([&] { return load_.requests() == 1 || path == "/large"; })) << path;
    client.reset_on_close();
    client.close();
    EXPECT_TRUE(eventually([&] { return load_.requests() == 0; })) << path;
  }
}

TEST_F(ServerTest, ReportsEveryRequestOnce) {
  start();
  RawClient client(port());
  client.send(
      "GET /hello HTTP/1.1\r\nHost: x\r\n\r\nGET /nowhere HTTP/1.1\r\nHost: x\r\n\r\nbad\r\n");
  client.read_to_end();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(wait_for_completion());
  EXPECT_THAT(statuses(), testing::ElementsAre(200, 404, 400));
}

} // namespace
} // namespace raglan::http

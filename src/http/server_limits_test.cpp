#include "http/server_fixture_test.h"

namespace raglan::http {
namespace {

struct Refusal {
  const char* name;
  std::string request;
  std::string_view status_line;
};

class ServerRefusalTest : public ServerTest, public testing::WithParamInterface<Refusal> {};

// Whatever follows a refused request on the same connection is never taken for a request.
TEST_P(ServerRefusalTest, AnswersOnceAndCloses) {
  config_.limits = {.max_header_bytes = 2048,
                    .max_headers = 20,
                    .max_target_bytes = 1024,
                    .max_body_bytes = 1000};
  start();
  RawClient client(port());
  client.send(GetParam().request);
  client.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto response = client.read_response();
  EXPECT_THAT(response, StartsWith(GetParam().status_line));
  EXPECT_THAT(response, HasSubstr("\r\ncontent-type: application/json\r\n"));
  EXPECT_THAT(response, HasSubstr("\r\nconnection: close\r\n"));
  EXPECT_THAT(response, HasSubstr(R"({"error":{"message":")"));
  EXPECT_EQ(client.read_to_end(), "");
}

std::string post(std::string_view fields) {
  return "POST /echo HTTP/1.1\r\nHost: x\r\n" + std::string(fields) + "\r\n";
}

INSTANTIATE_TEST_SUITE_P(
    Http, ServerRefusalTest,
    testing::Values(
        Refusal{"Nonsense", "\x16\x03\x01 nonsense\r\n", "HTTP/1.1 400 "},
        Refusal{"NoHost", "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
        Refusal{"TwoHosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "HTTP/1.1 400 "},
        Refusal{"Http2Preface", "PRI * HTTP/2.0\r\n\r\n", "HTTP/1.1 400 "},
        Refusal{"BothLengthAndChunked",
                post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n",
                "HTTP/1.1 400 "},
        Refusal{"ChunkedAndLength",
                post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n") + "0\r\n\r\n",
                "HTTP/1.1 400 "},
        Refusal{"DifferingLengths", post("Content-Length: 5\r\nContent-Length: 6\r\n"),
                "HTTP/1.1 400 "},
        Refusal{"BadChunk", post("Transfer-Encoding: chunked\r\n") + "5\r\nabcdeX\r\n",
                "HTTP/1.1 400 "},
        Refusal{"UnknownCoding", post("Transfer-Encoding: gzip\r\n"), "HTTP/1.1 501 "},
        Refusal{"CodingBeforeChunked", post("Transfer-Encoding: gzip, chunked\r\n"),
                "HTTP/1.1 501 "},
        Refusal{"FoldedField", post("A: b\r\n c\r\n"), "HTTP/1.1 400 "},
        Refusal{"BareLineFeed", "GET / HTTP/1.1\nHost: x\n\n", "HTTP/1.1 400 "},
        Refusal{"LongTarget", "GET /" + std::string(1024, 'a') + " HTTP/1.1\r\n", "HTTP/1.1 414 "},
        Refusal{"EndlessTarget", "GET /" + std::string(5000, 'a'), "HTTP/1.1 414 "},
        Refusal{"LongField", post("A: " + std::string(2048, 'a') + "\r\n"), "HTTP/1.1 431 "},
        Refusal{"EndlessField", post("A: " + std::string(5000, 'a')), "HTTP/1.1 431 "},
        Refusal{"ManyFields", post([] {
                  std::string fields;
                  for (int i = 0; i < 20; ++i) fields += "A: b\r\n";
                  return fields;
                }()),
                "HTTP/1.1 431 "},
        Refusal{"LargeBody", post("Content-Length: 1001\r\n") + std::string(1001, 'a'),
                "HTTP/1.1 413 "},
        Refusal{"LargeChunk", post("Transfer-Encoding: chunked\r\n") + "3e9\r\n", "HTTP/1.1 413 "},
        Refusal{"ManyChunks",
                post("Transfer-Encoding: chunked\r\n") + "3e8\r\n" + std::string(1000, 'a') +
                    "\r\n1\r\na\r\n",
                "HTTP/1.1 413 "}),
    [](const auto& tested) { return tested.param.name; });

TEST_F(ServerTest, TakesABodyOfExactlyTheLimit) {
  config_.limits.max_body_bytes = 1000;
  start();
  RawClient client(port());
  client.send(post("Content-Length: 1000\r\n") + std::string(1000, 'a'));
  EXPECT_THAT(client.read_response(), StartsWith("HTTP/1.1 200 "));
}

TEST_F(ServerTest, ASlowHeadTimesOutWith408) {
  start();
  RawClient client(port());
  client.send("GET /hello HTTP/1.1\r\n");
  std::string response;
  std::atomic<bool> answered = false;
  std::thread reader([&] {
    response = client.read_to_end();
    answered = true;
  });
  EXPECT_TRUE(advance_until(milliseconds(500), [&] { return answered.load(); }));
  reader.join();
  EXPECT_THAT(response, StartsWith("HTTP/1.1 408 "));
}

// The time is the whole head's: a byte now and then does not extend it.
TEST_F(ServerTest, ADrippingHeadTimesOutToo) {
  start();
  RawClient client(port());
  client.send("GET /hello HTTP/1.1\r\n");
  const auto began = clock_.now();
  EXPECT_TRUE(advance_until(milliseconds(500), [&] {
    client.send("A: b\r\n");
    return server_->connections() == 0;
  }));
  EXPECT_LT(clock_.now() - began, seconds(60));
}

TEST_F(ServerTest, ASlowBodyTimesOutWith408) {
  start();
  RawClient client(port());
  client.send(post("Content-Length: 10\r\n") + "abc");
  std::string response;
  std::atomic<bool> answered = false;
  std::thread reader([&] {
    response = client.read_to_end();
    answered = true;
  });
  EXPECT_TRUE(advance_until(milliseconds(500), [&] { return answered.load(); }));
  reader.join();
  EXPECT_THAT(response, StartsWith("HTTP/1.1 408 "));
}

TEST_F(ServerTest, ADrippingBodyTimesOutToo) {
  start();
  RawClient client(port());
  client.send(post("Content-Length: 100000\r\n"));
  EXPECT_TRUE(advance_until(milliseconds(500), [&] {
    client.send("a");
    return server_->connections() == 0;
  }));
}

TEST_F(ServerTest, AnIdleConnectionIsClosedWithoutAnAnswer) {
  start();
  RawClient client(port());
  client.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  client.read_response();
  EXPECT_TRUE(advance_until(seconds(1), [&] { return server_->connections() == 0; }));
  EXPECT_TRUE(client.at_end());
}

TEST_F(ServerTest, AConnectionThatNeverSpeaksIsClosed) {
  start();
  RawClient client(port());
  EXPECT_TRUE(advance_until(seconds(1), [&] { return server_->connections() == 1; }));
  EXPECT_TRUE(advance_until(seconds(1), [&] { return server_->connections() == 0; }));
  EXPECT_TRUE(client.at_end());
}

TEST_F(ServerTest, AReaderThatStopsIsCutOff) {
  start();
  RawClient client(port(), 16 * 1024);
  client.send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
  client.read_bytes(1000);
  EXPECT_TRUE(advance_until(seconds(1), [&] { return server_->connections() == 0; }));
  EXPECT_THAT(statuses(), testing::ElementsAre(499));
}

TEST_F(ServerTest, OneConnectionTooManyIsToldSo) {
  config_.max_connections = 2;
  start();
  RawClient first(port());
  RawClient second(port());
  for (auto* client : {&first, &second}) {
    client->send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(client->read_response(), StartsWith("HTTP/1.1 200 "));
  }
  RawClient third(port());
  third.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto refused = third.read_to_end();
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(refused, HasSubstr("\r\nretry-after: 1\r\n"));
  third.close();
  first.close();
  while (server_->connections() > 1) std::this_thread::yield();
  RawClient fourth(port());
  fourth.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(fourth.read_response(), StartsWith("HTTP/1.1 200 "));
}

} // namespace
} // namespace raglan::http

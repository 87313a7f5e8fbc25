#include "rag/live_answer.h"

#include <thread>

#include "net/loop_fixture_test.h"

namespace raglan::rag {
namespace {

using namespace std::chrono_literals;

class LiveAnswerTest : public net::LoopTest {
 protected:
  net::Running<LiveAnswer::News> news(bool seen_begin, std::size_t seen_bytes, std::size_t loop = 0,
                                      Duration patience = 20s) {
    const Clock& clock = SystemClock::instance();
    return start(live_.news(seen_begin, seen_bytes, Deadline::after(patience, clock.now()), clock),
                 loop);
  }

  LiveAnswer live_;
  const std::shared_ptr<const Answer> outline_ = std::make_shared<const Answer>();
};

TEST_F(LiveAnswerTest, AReaderHearsOfTheBeginningTheTextAndTheEnd) {
  auto beginning = news(false, 0);
  settle();
  live_.begin(outline_);
  EXPECT_EQ(beginning.get()->outline, outline_);
  auto text = news(true, 0);
  settle();
  live_.append("one ");
  EXPECT_EQ(text.get()->text, "one ");
  auto end = news(true, 4);
  settle();
  live_.end();
  const auto last = end.get();
  EXPECT_EQ(last->text, "");
  EXPECT_TRUE(last->ended);
}

TEST_F(LiveAnswerTest, ALateReaderGetsAllOfItAtOnce) {
  live_.begin(outline_);
  live_.append("one ");
  live_.append("two");
  EXPECT_EQ(news(true, 0, 1).get()->text, "one two");
  EXPECT_EQ(news(true, 4, 1).get()->text, "two");
  live_.end();
  EXPECT_TRUE(news(true, 7).get()->ended);
  EXPECT_TRUE(news(false, 0).get()->outline);
}

TEST_F(LiveAnswerTest, AnAnswerThatIsThereAtOnceOnlyEnds) {
  auto waiting = news(false, 0);
  settle();
  live_.end();
  const auto heard = waiting.get();
  EXPECT_TRUE(heard->ended);
  EXPECT_FALSE(heard->outline);
}

TEST_F(LiveAnswerTest, AReaderWaitsUntilItsDeadlineOrUntilItIsCancelled) {
  EXPECT_EQ(news(false, 0, 0, 20ms).error(), ErrorCode::kDeadlineExceeded);
  auto left = news(false, 0);
  settle();
  left.cancel();
  EXPECT_EQ(left.error(), ErrorCode::kClientClosed);
  live_.begin(outline_); // nobody is there any more
}

TEST_F(LiveAnswerTest, ReadersOnManyLoopsReadTheSameWhileItIsWritten) {
  live_.begin(outline_);
  const auto read = [this]() -> net::Task<Result<std::string>> {
    std::string all;
    while (true) {
      auto heard = co_await live_.news(true, all.size(), Deadline(), SystemClock::instance());
      if (!heard) co_return forward_error(heard);
      all += heard->text;
      if (heard->ended && heard->text.empty()) co_return all;
    }
  };
  std::vector<net::Running<std::string>> readers;
  for (std::size_t i = 0; i < 8; ++i) readers.push_back(start(read(), i % 2));
  std::string written;
  std::thread writer([&] {
    for (int i = 0; i < 2'000; ++i) {
      const std::string piece = std::to_string(i) + ' ';
      written += piece;
      live_.append(piece);
    }
    live_.end();
  });
  writer.join();
  for (auto& reader : readers) EXPECT_EQ(reader.get().value_or("(an error)"), written);
}

} // namespace
} // namespace raglan::rag

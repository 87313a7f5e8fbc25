#include "ingest/progress.h"

#include <gtest/gtest.h>

namespace raglan::ingest {
namespace {

using namespace std::chrono_literals;

const MonotonicTime kStart{1h};
constexpr ProgressState kQuarter{.documents_done = 20,
                                 .documents_total = 40,
                                 .chunks_done = 300,
                                 .bytes_done = 250,
                                 .bytes_total = 1000};

TEST(Progress, ATerminalGetsABarThatIsDrawnOverItself) {
  Progress progress({.terminal = true, .columns = 80}, kStart);
  EXPECT_EQ(
      progress.update(kQuarter, kStart + 10s),
      "\r\x1b[K[#######........................]  25 %  20/40 documents  30 chunks/s  ETA 0:30");
  EXPECT_EQ(progress.update(kQuarter, kStart + 10s + 99ms), std::nullopt);
  EXPECT_TRUE(progress.update(kQuarter, kStart + 10s + 100ms));
}

TEST(Progress, ElsewhereAPlainLineEveryFewSeconds) {
  Progress progress({}, kStart);
  EXPECT_EQ(progress.update(kQuarter, kStart + 4s), std::nullopt);
  EXPECT_EQ(progress.update(kQuarter, kStart + 5s),
            " 25 %  20/40 documents  60 chunks/s  ETA 0:15\n");
  EXPECT_EQ(progress.update(kQuarter, kStart + 9s), std::nullopt);
  EXPECT_TRUE(progress.update(kQuarter, kStart + 10s));
  EXPECT_EQ(progress.interrupt(), "");
}

TEST(Progress, TheLastLineSaysHowLongItTook) {
  const ProgressState all{40, 40, 600, 1000, 1000};
  Progress progress({.terminal = true, .columns = 60}, kStart);
  EXPECT_EQ(progress.finish(all, kStart + 60s),
            "\r\x1b[K[###############] 100 %  40/40 documents  10 chunks/s  1:00\n");
}

TEST(Progress, NothingIsWiderThanTheTerminal) {
  for (std::size_t columns = 0; columns < 100; ++columns) {
    Progress progress({.terminal = true, .columns = columns}, kStart);
    const std::size_t control = 4; // "\r\x1b[K"
    EXPECT_LE(progress.update(kQuarter, kStart + 1s)->size(),
              control + std::max<std::size_t>(columns, 1) - 1);
  }
}

TEST(Progress, KnowsNothingBeforeTheFirstDocument) {
  Progress progress({.terminal = true, .columns = 40}, kStart);
  EXPECT_EQ(progress.update({.documents_total = 7, .bytes_total = 100}, kStart),
            "\r\x1b[K[................]   0 %  0/7 documents");
  EXPECT_EQ(progress.finish({}, kStart), "\r\x1b[K[##########] 100 %  0/0 documents  0:00\n");
}

TEST(Progress, AnInterruptedBarIsClearedAndDrawnAgain) {
  Progress progress({.terminal = true}, kStart);
  EXPECT_EQ(progress.interrupt(), "");
  progress.update(kQuarter, kStart);
  EXPECT_EQ(progress.interrupt(), "\r\x1b[K");
  EXPECT_TRUE(progress.update(kQuarter, kStart + 1ms));
}

TEST(Progress, TimesReadLikeAClock) {
  EXPECT_EQ(clock_time(0s), "0:00");
  EXPECT_EQ(clock_time(59s), "0:59");
  EXPECT_EQ(clock_time(60s), "1:00");
  EXPECT_EQ(clock_time(3599s), "59:59");
  EXPECT_EQ(clock_time(3723s), "1:02:03");
  EXPECT_EQ(clock_time(-1s), "0:00");
}

} // namespace
} // namespace raglan::ingest

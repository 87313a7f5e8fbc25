#include "balancer/access_log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>
#include <vector>

#include "base/temporary_folder.h"

namespace raglan::balancer {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;

std::string text_of(const fs::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::uint64_t lines_of(std::string_view text) {
  return static_cast<std::uint64_t>(std::ranges::count(text, '\n'));
}

std::string line_of(std::string_view id) {
  std::string line;
  append_access_line(AccessLogFormat::kJson, {.request_id = id}, line);
  return line;
}

// Lines that lack something; one that is not ended counts.
std::uint64_t torn_lines_of(std::string_view text) {
  std::uint64_t torn = 0;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    EXPECT_TRUE(line.starts_with("{\"time\"")) << line;
    torn += !line.ends_with("\"end\":\"done\"}");
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  return torn;
}

// Two descriptors that are joined, a pipe's or a pair of sockets'.
struct Ends {
  static Ends pipe() {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
  }
  static Ends sockets() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
  }
  // To the end; all that write must have closed theirs.
  std::string read_all() {
    writing = FileDescriptor();
    std::string all;
    char part[4096];
    for (ssize_t size; (size = ::read(reading.get(), part, sizeof part)) > 0;) {
      all.append(part, static_cast<std::size_t>(size));
    }
    return all;
  }

  FileDescriptor reading;
  FileDescriptor writing;
};

class AccessLogTest : public testing::Test {
 protected:
  AccessLogTest() { std::signal(SIGPIPE, SIG_IGN); }

  std::unique_ptr<AccessLog> open(const fs::path& path, AccessLogLimits limits = {}) {
    auto log = AccessLog::open(AccessLogFormat::kJson, path, limits);
    EXPECT_TRUE(log.has_value());
    return std::move(*log);
  }
  static std::unique_ptr<AccessLog> share(const FileDescriptor& descriptor,
                                          AccessLogLimits limits = {}) {
    auto output = UnblockedOutput::share(descriptor.get());
    EXPECT_TRUE(output.has_value());
    auto log = AccessLog::open(AccessLogFormat::kJson, std::move(*output), limits);
    EXPECT_TRUE(log.has_value());
    return std::move(*log);
  }
  // Who does not read has lines dropped, and neither `add` nor the destructor wait for him.
  static void expect_bounded(Ends ends) {
    constexpr AccessLogLimits kLimits{.max_queued_bytes = 8192, .last_writes = milliseconds(20)};
    auto log = share(ends.writing, kLimits);
    std::uint64_t added = 0;
    // The output holds some 200 KB at the most, and the log two queues.
    while (added * line_of("x").size() < 1024 * 1024 || log->dropped() == 0 ||
           added - log->dropped() <= 200) { // the thread may not have had its turn yet
      log->add({.request_id = "x"});
      ++added;
    }
    log.reset();
    const std::string text = ends.read_all();
    // At the end each of the two queues may have been cut off, where the output was full.
    EXPECT_LE(torn_lines_of(text), 2U);
    EXPECT_GT(lines_of(text), 100U);
    EXPECT_LT(lines_of(text), added);
  }

  TemporaryFolder folder_ = *TemporaryFolder::make("raglan-access-");
  fs::path path_ = folder_.path() / "access.log";
};

TEST_F(AccessLogTest, WhatWasAddedIsInTheFileInItsOrder) {
  std::ofstream(path_) << "what was there\n";
  auto log = open(path_);
  std::string expected = "what was there\n";
  for (int i = 0; i < 100; ++i) {
    const std::string id = std::to_string(i);
    log->add({.request_id = id});
    expected += line_of(id);
  }
  log.reset();
  EXPECT_EQ(text_of(path_), expected);
}

TEST_F(AccessLogTest, NoLineOfSeveralLoopsIsLostOrTorn) {
  constexpr std::uint64_t kLoops = 4;
  constexpr std::uint64_t kLines = 5000;
  auto log = open(path_, {.max_queued_bytes = 64 * 1024 * 1024});
  {
    std::vector<std::jthread> loops;
    for (std::uint64_t i = 0; i < kLoops; ++i) {
      loops.emplace_back([&log] {
        for (std::uint64_t line = 0; line < kLines; ++line) log->add({.request_id = "x"});
      });
    }
  }
  EXPECT_EQ(log->dropped(), 0U);
  log.reset();
  const std::string text = text_of(path_);
  EXPECT_EQ(lines_of(text), kLoops * kLines);
  EXPECT_EQ(torn_lines_of(text), 0U);
}

TEST_F(AccessLogTest, ALineIsWrittenWithoutAnotherBehindIt) {
  Ends ends = Ends::pipe();
  const auto log = share(ends.writing);
  for (const char* id : {"first", "second"}) {
    log->add({.request_id = id});
    const std::string expected = line_of(id);
    std::string read(expected.size(), '\0');
    EXPECT_EQ(::read(ends.reading.get(), read.data(), read.size()),
              static_cast<ssize_t>(expected.size()));
    EXPECT_EQ(read, expected);
  }
}

TEST_F(AccessLogTest, ALineThatIsLongerThanTheQueueIsDropped) {
  auto log = open(path_, {.max_queued_bytes = line_of("x").size()});
  log->add({.request_id = "xx"});
  EXPECT_EQ(log->dropped(), 1U);
  log->add({.request_id = "x"});
  EXPECT_EQ(log->dropped(), 1U);
  log.reset();
  EXPECT_EQ(text_of(path_), line_of("x"));
}

TEST_F(AccessLogTest, APipeThatNobodyReadsIsNotWaitedFor) { expect_bounded(Ends::pipe()); }

TEST_F(AccessLogTest, ASocketThatNobodyReadsIsNotWaitedFor) { expect_bounded(Ends::sockets()); }

TEST_F(AccessLogTest, TheDestructorGivesASlowReaderItsTime) {
  Ends ends = Ends::pipe();
  auto log = share(ends.writing, {.last_writes = seconds(60)});
  std::uint64_t added = 0;
  for (; added * line_of("x").size() < 512 * 1024; ++added) log->add({.request_id = "x"});
  EXPECT_EQ(log->dropped(), 0U);
  std::string text;
  {
    const std::jthread reader([&] { text = ends.read_all(); });
    log.reset();
  }
  EXPECT_EQ(lines_of(text), added);
  EXPECT_EQ(torn_lines_of(text), 0U);
}

TEST_F(AccessLogTest, ADescriptorOfOthersStaysAsItIs) {
  for (const auto make : {&Ends::pipe, &Ends::sockets}) {
    Ends ends = make();
    const int before = ::fcntl(ends.writing.get(), F_GETFL);
    share(ends.writing)->add({.request_id = "x"});
    EXPECT_EQ(::fcntl(ends.writing.get(), F_GETFL), before);
    EXPECT_EQ(before & O_NONBLOCK, 0);
    EXPECT_EQ(ends.read_all(), line_of("x"));
  }
}

TEST_F(AccessLogTest, AFileThatOthersWriteToAsWellIsGoneOnWith) {
  FileDescriptor file(::open(path_.c_str(), O_WRONLY | O_CREAT, 0600));
  ASSERT_EQ(::write(file.get(), "one\n", 4), 4);
  share(file)->add({.request_id = "x"});
  ASSERT_EQ(::write(file.get(), "two\n", 4), 4);
  EXPECT_EQ(text_of(path_), "one\n" + line_of("x") + "two\n");
}

TEST_F(AccessLogTest, AfterLogrotateLinesGoToANewFile) {
  const fs::path moved = folder_.path() / "access.log.1";
  auto log = open(path_);
  log->add({.request_id = "before"});
  fs::rename(path_, moved);
  ASSERT_TRUE(log->reopen());
  log->add({.request_id = "after"});
  log.reset();
  // Where those are that were not written yet does not matter.
  EXPECT_EQ(text_of(moved) + text_of(path_), line_of("before") + line_of("after"));
  EXPECT_TRUE(text_of(path_).ends_with(line_of("after")));
}

TEST_F(AccessLogTest, AFileThatCannotBeReopenedIsKept) {
  const fs::path folder = folder_.path() / "logs";
  const fs::path moved = folder_.path() / "moved";
  fs::create_directory(folder);
  auto log = open(folder / "access.log");
  fs::rename(folder, moved);
  const auto reopened = log->reopen();
  ASSERT_FALSE(reopened);
  EXPECT_EQ(reopened.error().code, ErrorCode::kUnavailable);
  log->add({.request_id = "x"});
  log.reset();
  EXPECT_EQ(text_of(moved / "access.log"), line_of("x"));
}

TEST_F(AccessLogTest, StandardOutputIsNotReopened) {
  Ends ends = Ends::pipe();
  auto log = share(ends.writing);
  EXPECT_TRUE(log->reopen());
  log->add({.request_id = "x"});
  log.reset();
  EXPECT_EQ(ends.read_all(), line_of("x"));
}

TEST_F(AccessLogTest, AFullDiskIsCounted) {
  const auto log = open("/dev/full");
  log->add({.request_id = "x"});
  while (log->dropped() == 0) std::this_thread::yield();
  EXPECT_EQ(log->write_failures(), 1U);
  log->add({.request_id = "x"});
  log->add({.request_id = "x"});
  while (log->dropped() < 3) std::this_thread::yield();
  EXPECT_GE(log->write_failures(), 2U);
}

TEST_F(AccessLogTest, AReaderThatIsGoneIsCounted) {
  Ends ends = Ends::pipe();
  const auto log = share(ends.writing);
  ends.reading = FileDescriptor();
  log->add({.request_id = "x"});
  while (log->dropped() == 0) std::this_thread::yield();
  EXPECT_EQ(log->write_failures(), 1U);
}

// It cannot be opened once more: it is written to as it is.
TEST_F(AccessLogTest, AReaderThatWasGoneBeforeIsCountedAsWell) {
  Ends ends = Ends::pipe();
  ends.reading = FileDescriptor();
  const auto log = share(ends.writing);
  log->add({.request_id = "x"});
  while (log->dropped() == 0) std::this_thread::yield();
  EXPECT_EQ(log->write_failures(), 1U);
}

TEST_F(AccessLogTest, AFifoThatNobodyReadsIsAnError) {
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_FALSE(AccessLog::open(AccessLogFormat::kJson, path_));
}

TEST_F(AccessLogTest, ALineBehindATornOneBeginsALine) {
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  const auto open_reader = [this] {
    return FileDescriptor(::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  };
  const auto read = [](const FileDescriptor& reader) {
    std::string text(8192, '\0');
    const ssize_t size = ::read(reader.get(), text.data(), text.size());
    return text.substr(0, static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  };
  constexpr int kPipeBytes = 4096; // a page
  FileDescriptor reader = open_reader();
  ASSERT_EQ(::fcntl(reader.get(), F_SETPIPE_SZ, kPipeBytes), kPipeBytes);
  auto log = open(path_);
  const std::string large(2 * kPipeBytes, 'l');
  log->add({.request_id = large});
  // A byte of it is there, so that all that the pipe takes is; more it does not take.
  for (char byte = 0; ::read(reader.get(), &byte, 1) != 1;) std::this_thread::yield();
  reader = FileDescriptor();
  while (log->dropped() == 0) std::this_thread::yield();

  reader = open_reader(); // another one, who finds the rest in the pipe
  EXPECT_EQ(read(reader), line_of(large).substr(1, kPipeBytes - 1));
  log->add({.request_id = "x"});
  log.reset();
  EXPECT_EQ(read(reader), "\n" + line_of("x"));
}

TEST_F(AccessLogTest, AFolderThatIsNotThereIsAnError) {
  const auto log = AccessLog::open(AccessLogFormat::kJson, folder_.path() / "none" / "access.log");
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, ErrorCode::kUnavailable);
}

} // namespace
} // namespace raglan::balancer

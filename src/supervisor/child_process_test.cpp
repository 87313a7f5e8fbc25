#include "supervisor/child_process.h"

#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
extern "C" { // which glibc 2.36 forgot
#include <sys/pidfd.h>
}

#include <algorithm>
#include <csignal>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace raglan::supervisor {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

std::unique_ptr<ChildProcess> shell(const std::string& script,
                                    std::vector<std::string> environment = {}) {
  auto child = ChildProcess::start(
      {.program = "/bin/sh", .arguments = {"-c", script}, .environment = std::move(environment)});
  EXPECT_TRUE(child.has_value());
  return child ? std::move(*child) : nullptr;
}

// Up to the end of a line, or of all output.
std::string read_line(const ChildProcess& child) {
  std::string line;
  char c = 0;
  while (true) {
    pollfd waiting{child.output(), POLLIN, 0};
    if (::poll(&waiting, 1, 20'000) <= 0) return line + " (nothing more came)";
    if (::read(child.output(), &c, 1) <= 0 || c == '\n') return line;
    line += c;
  }
}

// Whether the process, a child or not, ends soon.
bool ends(pid_t pid) {
  const FileDescriptor process(::pidfd_open(pid, 0));
  if (!process) return errno == ESRCH;
  pollfd waiting{process.get(), POLLIN, 0};
  return ::poll(&waiting, 1, 20'000) == 1;
}

TEST(ChildProcess, TellsHowItEnded) {
  EXPECT_EQ(shell("exit 3")->wait(20s), (ExitStatus{.code = 3}));
  EXPECT_EQ(shell("kill -9 $$")->wait(20s), (ExitStatus{.signal = SIGKILL}));
  EXPECT_EQ(describe(ExitStatus{.code = 3}), "exit code 3");
  EXPECT_EQ(describe(ExitStatus{.signal = 9}), "signal 9");
}

TEST(ChildProcess, SaysNothingWhileItRuns) {
  const auto child = shell("echo up; sleep 1000");
  EXPECT_EQ(read_line(*child), "up");
  EXPECT_EQ(child->reap(), std::nullopt);
  EXPECT_EQ(child->stop(20s), (ExitStatus{.signal = SIGTERM}));
  EXPECT_EQ(child->reap(), (ExitStatus{.signal = SIGTERM})); // the same for ever
}

TEST(ChildProcess, AProgramThatIsNotThereIsAnError) {
  const auto child = ChildProcess::start({.program = "/no/such/program"});
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(child.error().message, HasSubstr("program cannot be run"));
}

TEST(ChildProcess, StdoutAndStderrAreItsOutput) {
  const auto child = shell("echo one; echo two >&2");
  EXPECT_EQ(read_line(*child), "one");
  EXPECT_EQ(read_line(*child), "two");
}

TEST(ChildProcess, ItsEnvironmentIsOursWithChanges) {
  ASSERT_EQ(::setenv("RAGLAN_TEST_KEPT", "kept", 1), 0);   // NOLINT(concurrency-mt-unsafe)
  ASSERT_EQ(::setenv("RAGLAN_TEST_CHANGED", "old", 1), 0); // NOLINT(concurrency-mt-unsafe)
  const auto child = shell("echo $RAGLAN_TEST_KEPT $RAGLAN_TEST_CHANGED $RAGLAN_TEST_NEW",
                           {"RAGLAN_TEST_CHANGED=changed", "RAGLAN_TEST_NEW=new"});
  EXPECT_EQ(read_line(*child), "kept changed new");
}

TEST(ChildProcess, InheritsNoDescriptorsAndNoStdin) {
  int leaky[2];
  ASSERT_EQ(::pipe(leaky), 0); // NOLINT: without O_CLOEXEC, as a library might
  const FileDescriptor read(leaky[0]);
  const FileDescriptor write(leaky[1]);
  struct stat about{};
  ASSERT_EQ(::fstat(write.get(), &about), 0);
  const auto child =
      shell("ls -l /proc/$$/fd | grep -c 'pipe:.*" + std::to_string(about.st_ino) + "'; cat");
  EXPECT_EQ(read_line(*child), "0");
  EXPECT_EQ(child->wait(20s), (ExitStatus{.code = 0})); // cat ended at once
}

TEST(ChildProcess, StartsWithoutOurIgnoredSignalsAndMask) {
  sigset_t blocked;
  sigset_t before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const auto old = ::signal(SIGINT, SIG_IGN);
  const auto child = shell("grep -E 'Sig(Blk|Ign)' /proc/self/status | cut -f2 | tr '\\n' ' '");
  EXPECT_EQ(read_line(*child), "0000000000000000 0000000000000000 ");
  ::signal(SIGINT, old);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST(ChildProcess, MayYieldToUs) {
  const auto ours = ChildProcess::start({.program = "/usr/bin/nice"});
  const auto nicer = ChildProcess::start({.program = "/usr/bin/nice", .niceness = 3});
  ASSERT_TRUE(ours && nicer);
  EXPECT_EQ(std::stoi(read_line(**nicer)), std::min(19, std::stoi(read_line(**ours)) + 3));
}

TEST(ChildProcess, WhatIgnoresSigtermIsKilledAfterTheGrace) {
  const auto child = shell("trap '' TERM; echo up; while :; do sleep 0.1; done");
  EXPECT_EQ(read_line(*child), "up");
  EXPECT_EQ(child->stop(50ms), (ExitStatus{.signal = SIGKILL}));
}

TEST(ChildProcess, ItsOwnChildrenEndWithIt) {
  const auto child = shell("sleep 1000 & echo $!; wait");
  const pid_t grandchild = std::stoi(read_line(*child));
  child->stop(20s);
  EXPECT_TRUE(ends(grandchild));
}

TEST(ChildProcess, WhatItLeavesBehindIsKilled) {
  const auto child = shell("sleep 1000 & echo $!");
  const pid_t left = std::stoi(read_line(*child));
  EXPECT_EQ(child->wait(20s), (ExitStatus{.code = 0}));
  EXPECT_TRUE(ends(left));
}

TEST(ChildProcess, IsKilledByItsDestructor) {
  auto child = shell("trap '' TERM; echo up; while :; do sleep 0.1; done");
  EXPECT_EQ(read_line(*child), "up");
  const pid_t pid = child->pid();
  child.reset();
  EXPECT_EQ(::kill(pid, 0), -1);
}

// kill -9 of the parent, which has no chance to say anything to its child.
TEST(ChildProcess, DoesNotOutliveItsParent) {
  int ends_of_pipe[2];
  ASSERT_EQ(::pipe(ends_of_pipe), 0); // NOLINT
  const pid_t parent = ::fork();
  if (parent == 0) {
    auto child = ChildProcess::start({.program = "/bin/sleep", .arguments = {"1000"}});
    const pid_t pid = child ? (*child)->pid() : 0;
    (void)!::write(ends_of_pipe[1], &pid, sizeof pid);
    while (true) ::pause();
  }
  pid_t orphan = 0;
  ASSERT_EQ(::read(ends_of_pipe[0], &orphan, sizeof orphan), ssize_t{sizeof orphan});
  ASSERT_GT(orphan, 0);
  ASSERT_EQ(::kill(orphan, 0), 0);
  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);
  EXPECT_TRUE(ends(orphan));
  ::close(ends_of_pipe[0]);
  ::close(ends_of_pipe[1]);
}

} // namespace
} // namespace raglan::supervisor

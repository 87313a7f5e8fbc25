// A part of a test that runs in a process of its own, with a pipe in each direction.
//
//   ChildProcess child([&](const ChildProcess::Link& parent) { parent.say("ready"); … });
//   child.link().hear();
//
// The child is forked, so call this before the test opens a store (a store has threads, which a
// fork does not copy). It ends with _exit: nothing of the test's own state is torn down twice.
#pragma once

#include <csignal>
#include <cstdio>
#include <functional>
#include <optional>
#include <string>

#include <gtest/gtest.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace raglan::store {

class ChildProcess {
 public:
  // The child's side: lines in and out.
  class Link {
   public:
    Link(int in, int out) : in_(::fdopen(in, "r")), out_(out) {}
    ~Link() {
      std::fclose(in_);
      ::close(out_);
    }
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;
    // Whole lines of at most PIPE_BUF bytes are written at once: threads may share the link.
    void say(std::string line) const {
      line += '\n';
      (void)!::write(out_, line.data(), line.size());
    }
    // Nothing when the other side is gone.
    std::optional<std::string> hear() const {
      std::string line;
      for (int c = std::fgetc(in_); c != EOF; c = std::fgetc(in_)) {
        if (c == '\n') return line;
        line += static_cast<char>(c);
      }
      return std::nullopt;
    }

   private:
    FILE* in_;
    int out_;
  };

  explicit ChildProcess(const std::function<void(const Link&)>& body) {
    int down[2];
    int up[2];
    EXPECT_EQ(::pipe(down), 0);
    EXPECT_EQ(::pipe(up), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(down[1]);
      ::close(up[0]);
      const Link link(down[0], up[1]);
      body(link);
      ::_exit(::testing::Test::HasFailure() ? 1 : 0);
    }
    ::close(down[0]);
    ::close(up[1]);
    link_.emplace(up[0], down[1]);
  }
  ~ChildProcess() {
    if (pid_ > 0) kill();
  }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  const Link& link() const { return *link_; }
  void kill() {
    ::kill(pid_, SIGKILL);
    (void)wait();
  }
  // The exit status: 0 when the child's expectations held.
  int wait() {
    int status = -1;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return status;
  }

 private:
  pid_t pid_ = -1;
  std::optional<Link> link_;
};

} // namespace raglan::store

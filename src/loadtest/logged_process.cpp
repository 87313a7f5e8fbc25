#include "loadtest/logged_process.h"

#include <poll.h>
#include <unistd.h>

#include <fstream>

namespace raglan::loadtest {

Result<std::unique_ptr<LoggedProcess>> LoggedProcess::start(const supervisor::Command& command) {
  auto process = supervisor::ChildProcess::start(command);
  if (!process) return forward_error(process);
  return std::unique_ptr<LoggedProcess>(new LoggedProcess(std::move(*process), command.errors));
}

Result<std::string> LoggedProcess::first_line(Duration patience) {
  const Clock& clock = SystemClock::instance();
  const MonotonicTime give_up = clock.now() + patience;
  std::string line;
  while (clock.now() < give_up) {
    pollfd waiting{process_->output(), POLLIN, 0};
    if (::poll(&waiting, 1, 100) <= 0) continue;
    char c = 0;
    if (::read(process_->output(), &c, 1) <= 0) break;
    if (c == '\n') return line;
    line += c;
  }
  return fail(ErrorCode::kUnavailable, last_words());
}

std::string LoggedProcess::last_words() const {
  std::ifstream log(log_);
  std::string last = "it said nothing";
  for (std::string line; std::getline(log, line);) {
    if (!line.empty()) last = line;
  }
  return last;
}

} // namespace raglan::loadtest

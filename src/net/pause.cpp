#include "net/pause.h"

#include "net/completion.h"

namespace raglan::net {

Task<Result<>> pause(Duration duration) {
  if (duration <= Duration::zero()) co_return Result<>();
  struct Nothing {};
  // Nobody delivers anything: the wait runs out.
  auto begin = [duration](const Completion<Nothing>&) { return duration; };
  const auto waited = co_await await_within<Nothing>(std::move(begin));
  if (waited.error().code == ErrorCode::kDeadlineExceeded) co_return Result<>();
  co_return std::unexpected(waited.error());
}

} // namespace raglan::net

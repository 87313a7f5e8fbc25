#include "postgres/client.h"

#include "base/log.h"
#include "policy/outcome.h"

namespace raglan::postgres {

Client::Client(const ClientConfig& config, Target target, Observers observers)
    : clock_(target.clock),
      on_statement_(std::move(observers.on_statement)),
      breaker_(config.breaker),
      pool_(config.pool, std::move(target), std::move(observers.on_wait)) {}

net::Task<Result<Session>> Client::begin(Deadline deadline) {
  auto permit = breaker_.try_acquire(clock_.now());
  if (!permit) {
    co_return fail(ErrorCode::kUnavailable,
                   "PostgreSQL is left alone for a while, as it did not answer");
  }
  auto lease = co_await pool_.acquire(deadline);
  if (lease) {
    if (failing_.exchange(false)) {
      log_info("PostgreSQL answers again", {{"server", name_of(target().parameters)}});
    }
    co_return Session(*this, std::move(*permit), std::move(*lease), clock_.now());
  }
  const bool unreachable = lease.error().code == ErrorCode::kUnavailable;
  permit->report(unreachable ? policy::Outcome::kFailure : policy::Outcome::kNeutral, clock_.now());
  if (!unreachable) co_return forward_error(lease);
  failing_ = true;
  if (const auto left_out = failures_.admit(clock_.now())) {
    log_warning("no connection to PostgreSQL", {{"server", name_of(target().parameters)},
                                                {"reason", lease.error().reason},
                                                {"left_out", *left_out}});
  }
  co_return forward_error(lease);
}

net::Task<Result<Rows>> Client::execute(Statement statement, Deadline deadline) {
  auto session = co_await begin(deadline);
  if (!session) co_return forward_error(session);
  co_return co_await session->execute(std::move(statement), deadline);
}

Session::~Session() { permit_.report(outcome_, client_.clock_.now()); }

template <typename T>
Result<T> Session::noted(Result<T> result) {
  if (result) return result;
  failed_ = true;
  const bool hurried = result.error().code == ErrorCode::kDeadlineExceeded &&
                       client_.clock_.now() - began_ < kFairChance;
  const policy::Outcome outcome =
      hurried ? policy::Outcome::kNeutral : policy::outcome_of_error(result.error().code);
  if (outcome_ != policy::Outcome::kFailure) outcome_ = outcome;
  return result;
}

net::Task<Result<Rows>> Session::execute(Statement statement, Deadline deadline) {
  client_.note(statement.sql());
  co_return noted(co_await lease_->execute(std::move(statement), deadline));
}

net::Task<Result<std::vector<Rows>>> Session::execute_all(std::vector<Statement> statements,
                                                          Deadline deadline) {
  for (const Statement& statement : statements) client_.note(statement.sql());
  co_return noted(co_await lease_->execute_all(std::move(statements), deadline));
}

net::Task<Result<std::uint64_t>> Session::copy_in(std::string sql, std::string data,
                                                  Deadline deadline) {
  client_.note(sql);
  co_return noted(co_await lease_->copy_in(std::move(sql), data, deadline));
}

net::Task<void> Session::roll_back(Deadline deadline) {
  if (lease_->in_transaction()) (void)co_await execute(Statement("ROLLBACK"), deadline);
}

} // namespace raglan::postgres

#include "postgres/connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/log.h"

namespace raglan::postgres {
namespace asio = boost::asio;
namespace {

constexpr std::size_t kCopyBytes = 64 * 1024; // handed to libpq at a time
constexpr int kBinary = 1;

std::string first_line(std::string_view text) {
  return std::string(text.substr(0, text.find('\n')));
}

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t comma = list.find(',');
    parts.emplace_back(list.substr(0, comma));
    if (comma == list.npos) return parts;
    list.remove_prefix(comma + 1);
  }
}

// One of two-character classes, or whole states.
ErrorCode code_of(std::string_view state) {
  const std::string_view kind = state.substr(0, 2);
  if (state == "53100") return ErrorCode::kDiskFull;
  if (state == "25006" || state == "57P01" || state == "57P02" || state == "57P03") {
    return ErrorCode::kUnavailable; // read-only (a standby, or by order), or going down
  }
  if (state == "57014") return ErrorCode::kDeadlineExceeded; // statement_timeout, or cancelled
  if (kind == "08" || kind == "53" || kind == "58") return ErrorCode::kUnavailable;
  if (kind == "40" || kind == "55") return ErrorCode::kOverloaded;
  if (kind == "23") return ErrorCode::kConflict;
  if (kind == "22") return ErrorCode::kInvalidField;
  return ErrorCode::kInternal;
}

// What a user is told; the server's own words may quote a document.
std::string_view meaning_of(std::string_view state) {
  constexpr std::pair<std::string_view, std::string_view> kMeanings[] = {
      {"25006", ": it is read-only"},     {"42501", ": its user lacks the right"},
      {"53100", ": its disk is full"},    {"53200", ": it is out of memory"},
      {"57P01", ": it is shutting down"}, {"57P03", ": it is starting or shutting down"},
  };
  const auto* found =
      std::ranges::find(kMeanings, state, &std::pair<std::string_view, std::string_view>::first);
  return found == std::end(kMeanings) ? "" : found->second;
}

std::unexpected<Error> no_connection(std::string reason) {
  // What the server has no room for is no sign that it is ill.
  const bool full = reason.contains(" 53300: ");
  Error error{full ? ErrorCode::kOverloaded : ErrorCode::kUnavailable,
              full ? "PostgreSQL has no connection left" : "no connection to PostgreSQL",
              {}};
  error.reason = std::move(reason);
  return std::unexpected(std::move(error));
}

std::unexpected<Error> overdue() {
  return fail(ErrorCode::kDeadlineExceeded, "PostgreSQL did not answer before the deadline");
}

// libpq would block on the names of hosts: it is given their addresses too. A name that has several
// becomes as many hosts, which libpq tries in turn.
net::Task<Result<Parameters>> with_addresses(const Target& target, Deadline deadline) {
  Parameters parameters = target.parameters;
  std::string hosts;
  std::string ports;
  for (const auto& [name, value] : parameters) {
    if (name == "hostaddr") co_return parameters;
    if (name == "host") hosts = value.reveal();
    if (name == "port") ports = value.reveal();
  }
  const std::vector<std::string> names = split(hosts);
  const std::vector<std::string> each_port = split(ports);
  std::array<std::string, 3> lists; // host, hostaddr, port
  bool known = false;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string& port = each_port[std::min(i, each_port.size() - 1)];
    std::vector<std::string> addresses;
    if (names[i].empty() || names[i].starts_with('/') || names[i].starts_with('@')) {
      addresses.emplace_back(); // a unix socket
    } else {
      const Duration patience = deadline.remaining(target.clock.now());
      auto found = co_await target.resolver.resolve(names[i], 0, patience);
      if (!found) {
        const ErrorCode code = found.error().code;
        if (code != ErrorCode::kUnavailable) co_return forward_error(found);
        co_return no_connection("its name cannot be resolved");
      }
      for (const auto& endpoint : *found) addresses.push_back(endpoint.address().to_string());
      known = true;
    }
    for (const std::string& address : addresses) {
      const std::string_view comma = lists[0].empty() && lists[1].empty() ? "" : ",";
      lists[0].append(comma).append(names[i]);
      lists[1].append(comma).append(address);
      lists[2].append(comma).append(port);
    }
  }
  if (!known) co_return parameters;
  std::erase_if(parameters,
                [](const auto& each) { return each.first == "host" || each.first == "port"; });
  parameters.emplace_back("host", config::Secret(lists[0]));
  parameters.emplace_back("hostaddr", config::Secret(lists[1]));
  if (!ports.empty()) parameters.emplace_back("port", config::Secret(lists[2]));
  co_return parameters;
}

PGconn* start_connecting(const Parameters& parameters) {
  std::vector<const char*> names;
  std::vector<const char*> values;
  for (const auto& [name, value] : parameters) {
    names.push_back(name.c_str());
    values.push_back(value.reveal().c_str());
  }
  for (const auto& [name, value] :
       {std::pair{"client_encoding", "UTF8"}, std::pair{"fallback_application_name", "raglan"}}) {
    names.push_back(name);
    values.push_back(value);
  }
  names.push_back(nullptr);
  values.push_back(nullptr);
  return PQconnectStartParams(names.data(), values.data(), 0);
}

} // namespace

Connection::Connection(PGconn* connection, const Target& target, const asio::any_io_executor& loop)
    : target_(target), connection_(connection, &PQfinish), timer_(loop) {
  // Else they go to stderr, and may quote what nobody may read.
  PQsetNoticeReceiver(connection, [](void*, const PGresult*) {}, nullptr);
}

Connection::~Connection() {
  if (busy_ && !broken_) abandon();
  detach();
}

net::Task<Result<std::shared_ptr<Connection>>> Connection::open(const Target& target,
                                                                Deadline deadline) {
  auto parameters = co_await with_addresses(target, deadline);
  if (!parameters) co_return forward_error(parameters);
  PGconn* started = start_connecting(*parameters);
  if (started == nullptr) co_return no_connection("no memory");
  const auto loop = co_await asio::this_coro::executor;
  // The constructor is private, so no make_shared.
  const std::shared_ptr<Connection> connection(new Connection(started, target, loop));
  PQsetErrorVerbosity(started, PQERRORS_VERBOSE); // with the SQLSTATE
  auto connected = co_await connection->connect(deadline);
  if (!connected) co_return forward_error(connected);
  co_return connection;
}

net::Task<Result<>> Connection::connect(Deadline deadline) {
  PGconn* connection = connection_.get();
  PostgresPollingStatusType next = PGRES_POLLING_WRITING;
  if (PQstatus(connection) == CONNECTION_BAD) next = PGRES_POLLING_FAILED;
  while (next == PGRES_POLLING_READING || next == PGRES_POLLING_WRITING) {
    watch_descriptor(); // libpq goes from one address to the next, with another socket
    const Wait what = next == PGRES_POLLING_READING ? Wait::kRead : Wait::kWrite;
    if (auto ok = co_await wait(what, deadline); !ok) co_return ok;
    next = PQconnectPoll(connection);
  }
  if (next == PGRES_POLLING_FAILED) {
    broken_ = true;
    co_return no_connection(first_line(PQerrorMessage(connection)));
  }
  watch_descriptor();
  PQsetnonblocking(connection, 1);
  co_return Result<>();
}

void Connection::watch_descriptor() {
  const auto loop = timer_->get_executor();
  if (descriptor_) descriptor_->release();
  descriptor_.emplace(loop, PQsocket(connection_.get()));
}

void Connection::attach(const asio::any_io_executor& loop) {
  timer_.emplace(loop);
  descriptor_.emplace(loop, PQsocket(connection_.get()));
}

void Connection::detach() {
  if (descriptor_) descriptor_->release();
  descriptor_.reset();
  timer_.reset();
}

bool Connection::reusable() const {
  return !busy_ && !broken_ && PQstatus(connection_.get()) == CONNECTION_OK &&
         PQtransactionStatus(connection_.get()) == PQTRANS_IDLE;
}

bool Connection::in_transaction() const {
  const auto status = PQtransactionStatus(connection_.get());
  return !busy_ && !broken_ && (status == PQTRANS_INTRANS || status == PQTRANS_INERROR);
}

// The server learns on a connection of its own that it works for nobody; that blocks.
void Connection::abandon() {
  PGcancel* cancel = PQgetCancel(connection_.get());
  if (cancel == nullptr || !target_.submit) return PQfreeCancel(cancel);
  target_.submit([cancel = std::shared_ptr<PGcancel>(cancel, &PQfreeCancel)] {
    std::array<char, 256> reason{};
    PQcancel(cancel.get(), reason.data(), static_cast<int>(reason.size()));
  });
}

net::Task<Result<>> Connection::wait(Wait what, Deadline deadline) {
  constexpr auto kToken = asio::as_tuple(asio::use_awaitable);
  using asio::posix::descriptor_base;
  if (deadline.expired(target_.clock.now())) co_return overdue();
  late_ = false;
  if (!deadline.never()) {
    timer_->expires_after(deadline.remaining(target_.clock.now()));
    timer_->async_wait([this, weak = weak_from_this(),
                        watch = ++watch_](const boost::system::error_code& stopped) {
      const auto self = weak.lock();
      if (stopped || !self || watch != watch_ || !descriptor_) return;
      late_ = true;
      descriptor_->cancel();
    });
  }
  boost::system::error_code failure;
  if (what == Wait::kEither) {
    using asio::experimental::awaitable_operators::operator||;
    auto first = descriptor_->async_wait(descriptor_base::wait_read, kToken);
    auto second = descriptor_->async_wait(descriptor_base::wait_write, kToken);
    const auto came = co_await (std::move(first) || std::move(second));
    failure = came.index() == 0 ? std::get<0>(std::get<0>(came)) : std::get<0>(std::get<1>(came));
  } else {
    const auto side =
        what == Wait::kRead ? descriptor_base::wait_read : descriptor_base::wait_write;
    std::tie(failure) = co_await descriptor_->async_wait(side, kToken);
  }
  ++watch_;
  timer_->cancel();
  if (!failure) co_return Result<>();
  if (late_) co_return overdue();
  if (failure == asio::error::operation_aborted) {
    co_return fail(ErrorCode::kClientClosed, "cancelled");
  }
  co_return broken();
}

net::Task<Result<>> Connection::flush(Deadline deadline) {
  while (true) {
    const int left = PQflush(connection_.get());
    if (left < 0) co_return broken();
    if (left == 0) co_return Result<>();
    // What the server says meanwhile must be read, or both would wait for the other.
    if (auto ok = co_await wait(Wait::kEither, deadline); !ok) co_return ok;
    if (PQconsumeInput(connection_.get()) == 0) co_return broken();
  }
}

net::Task<Result<PGresult*>> Connection::next_result(Deadline deadline) {
  while (PQisBusy(connection_.get()) == 1) {
    if (auto ok = co_await wait(Wait::kRead, deadline); !ok) co_return forward_error(ok);
    if (PQconsumeInput(connection_.get()) == 0) co_return broken();
  }
  co_return PQgetResult(connection_.get());
}

Result<> Connection::send(const Statement& statement) {
  const std::size_t count = statement.size();
  std::vector<const char*> values(count);
  std::vector<int> lengths(count);
  const std::vector<int> formats(count, kBinary);
  for (std::size_t i = 0; i < count; ++i) {
    values[i] = statement.value(i);
    lengths[i] = statement.length(i);
  }
  const int sent =
      PQsendQueryParams(connection_.get(), statement.sql().c_str(), static_cast<int>(count),
                        nullptr, values.data(), lengths.data(), formats.data(), kBinary);
  if (sent == 1) return {};
  return broken();
}

net::Task<Result<>> Connection::drain(Deadline deadline, std::vector<Rows>& rows) {
  Result<> outcome;
  while (true) {
    auto result = co_await next_result(deadline);
    // A server that ends the connection says why before.
    if (!result && !outcome && broken_) co_return outcome;
    if (!result) co_return forward_error(result);
    if (*result == nullptr) co_return outcome;
    Rows came(*result);
    switch (PQresultStatus(*result)) {
      case PGRES_TUPLES_OK:
      case PGRES_COMMAND_OK: rows.push_back(std::move(came)); break;
      case PGRES_PIPELINE_ABORTED: break; // an earlier one says why
      default:
        if (outcome) outcome = refused(*result);
    }
  }
}

net::Task<Result<Rows>> Connection::execute(Statement statement, Deadline deadline) {
  busy_ = true;
  if (auto ok = send(statement); !ok) co_return forward_error(ok);
  if (auto ok = co_await flush(deadline); !ok) co_return forward_error(ok);
  std::vector<Rows> rows;
  auto done = co_await drain(deadline, rows);
  if (!done && done.error().code == ErrorCode::kClientClosed) co_return forward_error(done);
  if (PQtransactionStatus(connection_.get()) != PQTRANS_ACTIVE) busy_ = false;
  if (!done) co_return forward_error(done);
  co_return rows.empty() ? Rows() : std::move(rows.back());
}

net::Task<Result<std::vector<Rows>>> Connection::execute_all(std::vector<Statement> statements,
                                                             Deadline deadline) {
  busy_ = true;
  PGconn* connection = connection_.get();
  if (PQenterPipelineMode(connection) == 0) co_return broken();
  for (const Statement& statement : statements) {
    if (auto ok = send(statement); !ok) co_return forward_error(ok);
  }
  if (PQpipelineSync(connection) == 0) co_return broken();
  if (auto ok = co_await flush(deadline); !ok) co_return forward_error(ok);
  std::vector<Rows> rows;
  Result<> outcome;
  for (std::size_t i = 0; i < statements.size(); ++i) {
    auto done = co_await drain(deadline, rows);
    if (!done && outcome) outcome = std::move(done);
    if (!outcome && (broken_ || outcome.error().code == ErrorCode::kClientClosed ||
                     outcome.error().code == ErrorCode::kDeadlineExceeded)) {
      co_return forward_error(outcome);
    }
  }
  auto sync = co_await next_result(deadline);
  if (!sync && !outcome && broken_) co_return forward_error(outcome);
  if (!sync) co_return forward_error(sync);
  PQclear(*sync);
  if (PQexitPipelineMode(connection) == 0) co_return broken();
  busy_ = false;
  if (outcome) co_return rows;
  // What BEGIN has begun is open still, and failed.
  if (PQtransactionStatus(connection) != PQTRANS_IDLE) {
    if (auto ok = co_await execute(Statement("ROLLBACK"), deadline); !ok)
      co_return forward_error(ok);
  }
  co_return forward_error(outcome);
}

net::Task<Result<std::uint64_t>> Connection::copy_in(std::string sql, std::string_view data,
                                                     Deadline deadline) {
  busy_ = true;
  PGconn* connection = connection_.get();
  if (PQsendQuery(connection, sql.c_str()) == 0) co_return broken();
  if (auto ok = co_await flush(deadline); !ok) co_return forward_error(ok);
  auto began = co_await next_result(deadline);
  if (!began) co_return forward_error(began);
  const Rows answer(*began);
  std::vector<Rows> rows;
  if (PQresultStatus(*began) != PGRES_COPY_IN) {
    const auto error = refused(*began);
    if (auto ok = co_await drain(deadline, rows); !ok) co_return forward_error(ok);
    busy_ = false;
    co_return error;
  }
  for (; !data.empty(); data.remove_prefix(std::min(data.size(), kCopyBytes))) {
    const std::string_view piece = data.substr(0, kCopyBytes);
    if (PQputCopyData(connection, piece.data(), static_cast<int>(piece.size())) < 0) {
      co_return broken();
    }
    if (auto ok = co_await flush(deadline); !ok) co_return forward_error(ok);
  }
  if (PQputCopyEnd(connection, nullptr) < 0) co_return broken();
  if (auto ok = co_await flush(deadline); !ok) co_return forward_error(ok);
  auto done = co_await drain(deadline, rows);
  if (!done && done.error().code == ErrorCode::kClientClosed) co_return forward_error(done);
  if (PQtransactionStatus(connection) != PQTRANS_ACTIVE) busy_ = false;
  if (!done) co_return forward_error(done);
  co_return rows.empty() ? 0 : rows.back().changed();
}

std::unexpected<Error> Connection::broken() {
  broken_ = true;
  return fail(ErrorCode::kUnavailable, "the connection to PostgreSQL was lost");
}

std::unexpected<Error> Connection::refused(const PGresult* result) const {
  const char* field = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const std::string_view state = field ? field : "unknown";
  const ErrorCode code = code_of(state);
  log_warning("PostgreSQL refused a statement",
              {{"sqlstate", state}, {"code", error_code_name(code)}});
  return fail(code, fmt::format("PostgreSQL refused a statement{} (SQLSTATE {})", meaning_of(state),
                                state));
}

} // namespace raglan::postgres

// One connection to a PostgreSQL server, driven by libpq without blocking a loop.
//
//   auto opened = co_await Connection::open(target, deadline);
//   auto rows = co_await (*opened)->execute(Statement("SELECT 1::int8"), deadline);
//
// Several statements in one round trip (libpq's pipeline mode) are one transaction, and none is
// done if one of them fails; BEGIN and COMMIT among them make it a transaction of a chosen kind.
//
// What is abandoned in the middle (a cancelled coroutine, a passed deadline) leaves a connection
// that may not be used again: `reusable` is false, and whoever owns it closes it. The server is
// asked to stop working on it, by `Target::cancel`.
//
// Errors of statements. Nothing of a statement, of its parameters or of the server's message is in
// them, as any of it may be a document's text:
//   kUnavailable       the connection is broken, the server is shutting down, starting, read-only,
//                      or has too many connections; worth another try
//   kOverloaded        it could not take a lock in time, a deadlock, a serialization failure
//   kConflict          a constraint that says no (23xxx)
//   kDiskFull          53100
//   kInvalidField      the statement was given a value that it cannot take (22xxx)
//   kDeadlineExceeded, kClientClosed
//   kInternal          all else, with its SQLSTATE, which the log has too
//
// Thread safety: belongs to one coroutine at a time. Between two uses it may go to another loop:
// `attach` and `detach`.
#pragma once

#include <libpq-fe.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/deadline.h"
#include "base/result.h"
#include "net/task.h"
#include "postgres/rows.h"
#include "postgres/statement.h"
#include "postgres/target.h"

namespace raglan::postgres {

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // On the caller's loop, to which it is attached. Errors: kUnavailable, and kOverloaded when the
  // server has no connection left, with libpq's reason (it names the host and never the password);
  // kDeadlineExceeded, kClientClosed.
  static net::Task<Result<std::shared_ptr<Connection>>> open(const Target& target,
                                                             Deadline deadline);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  net::Task<Result<Rows>> execute(Statement statement, Deadline deadline);
  // One round trip; what each came to.
  net::Task<Result<std::vector<Rows>>> execute_all(std::vector<Statement> statements,
                                                   Deadline deadline);
  // COPY … FROM STDIN with all of `data`. How many rows.
  net::Task<Result<std::uint64_t>> copy_in(std::string sql, std::string_view data,
                                           Deadline deadline);

  // Whether the next user finds it as new: nothing under way, no transaction open.
  bool reusable() const;
  // Whether one is open, and nothing under way.
  bool in_transaction() const;
  void attach(const boost::asio::any_io_executor& loop);
  void detach();

  int server_version() const { return PQserverVersion(connection_.get()); } // 150018
  bool encrypted() const { return PQsslInUse(connection_.get()) == 1; }

 private:
  enum class Wait : std::uint8_t { kRead, kWrite, kEither };

  Connection(PGconn* connection, const Target& target, const boost::asio::any_io_executor& loop);

  net::Task<Result<>> connect(Deadline deadline);
  net::Task<Result<>> flush(Deadline deadline);
  net::Task<Result<PGresult*>> next_result(Deadline deadline);
  net::Task<Result<>> wait(Wait what, Deadline deadline);
  Result<> send(const Statement& statement);
  // Until there is no more; the first error of any.
  net::Task<Result<>> drain(Deadline deadline, std::vector<Rows>& rows);
  std::unexpected<Error> broken();
  std::unexpected<Error> refused(const PGresult* result) const;
  void abandon();
  void watch_descriptor();

  const Target& target_;
  std::unique_ptr<PGconn, void (*)(PGconn*)> connection_;
  std::optional<boost::asio::posix::stream_descriptor> descriptor_; // of libpq's socket; not owned
  std::optional<boost::asio::steady_timer> timer_;
  std::uint64_t watch_ = 0; // the timer's present errand
  bool late_ = false;
  bool busy_ = false;   // in the middle of something
  bool broken_ = false; // never to be used again
};

} // namespace raglan::postgres

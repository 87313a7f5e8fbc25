#include "postgres_store/replicas.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "net/detach.h"
#include "net/pause.h"
#include "net/together.h"

namespace raglan::postgres_store {

using policy::ReplicaLook;
using policy::ReplicaState;
using postgres::Rows;
using postgres::Statement;

namespace {

constexpr std::chrono::milliseconds kExamineAgain{200};

std::string_view advice_on(ReplicaState state) {
  switch (state) {
    case ReplicaState::kPromoted: return "it is no standby: take it out of store.replicas";
    case ReplicaState::kStranger: return "it is not of the database that store.url names";
    default: return "";
  }
}

} // namespace

std::string_view repeat_reason_name(RepeatReason reason) {
  switch (reason) {
    case RepeatReason::kBehind: return "behind";
    case RepeatReason::kUnreachable: return "unreachable";
    case RepeatReason::kNoPlace: return "no_place";
    case RepeatReason::kConflict: return "conflict";
    case RepeatReason::kSlow: return "slow";
    case RepeatReason::kForeign: return "foreign";
    case RepeatReason::kRefused: break;
  }
  return "refused";
}

Statement select_max_connections() {
  return Statement(
      "SELECT current_setting('max_connections')::int8"
      " - current_setting('superuser_reserved_connections')::int8"
      " - coalesce(current_setting('reserved_connections', true), '0')::int8"); // since 16
}

struct Replicas::Replica {
  Replica(const postgres::ClientConfig& config, Given given)
      : server(postgres::name_of(given.target.parameters)),
        client(config, std::move(given.target), std::move(given.observers)),
        on_connections(std::move(given.on_connections)) {}

  const std::string server;
  postgres::Client client;
  std::function<void(std::size_t)> on_connections; // empty once called
  // Of whoever looks; one at a time.
  policy::ReplicaLag lag;
  std::int64_t system = 0; // the primary's identifier; 0: not known

  Guarded<std::string> error;
  std::atomic<std::uint64_t> served = 0;
  std::array<std::atomic<std::uint64_t>, kRepeatReasons> repeated{};
};

Replicas::Turn::Turn(Turn&& other) noexcept
    : replicas_(std::exchange(other.replicas_, nullptr)),
      replica_(other.replica_),
      began_(other.began_),
      outcome_(other.outcome_) {}

Replicas::Turn::~Turn() {
  if (replicas_ == nullptr) return;
  const MonotonicTime now = replicas_->clock_.now();
  replicas_->choice_.with([&](Choice& choice) {
    if (outcome_ == Outcome::kLeft) return choice.rotation.left(replica_);
    choice.rotation.ended(replica_, now - began_, outcome_ == Outcome::kAnswered, now);
  });
}

postgres::Client& Replicas::Turn::client() const { return replicas_->replicas_[replica_]->client; }

Deadline Replicas::Turn::until(Deadline deadline) const {
  const MonotonicTime now = replicas_->clock_.now();
  const Duration patience = replicas_->choice_.with(
      [this](const Choice& choice) { return choice.rotation.patience(replica_); });
  const Duration half = deadline.remaining(now) / 2;
  return deadline.capped(std::min(patience, half), now);
}

void Replicas::Turn::served() {
  outcome_ = Outcome::kAnswered;
  ++replicas_->replicas_[replica_]->served;
}

void Replicas::Turn::repeated(RepeatReason reason) {
  outcome_ = reason == RepeatReason::kBehind ? Outcome::kAnswered : Outcome::kFailed;
  ++replicas_->replicas_[replica_]->repeated[std::to_underlying(reason)];
}

void Replicas::Turn::foreign(bool replicates) {
  replicas_->note(replica_,
                  {.answered = true, .replicates = replicates, .ours = !replicates, .behind = {}});
  repeated(RepeatReason::kForeign);
}

Replicas::Replicas(const postgres::ClientConfig& client, policy::ReadRotationConfig rotation,
                   std::vector<Given> given, postgres::Client& primary, const Clock& clock)
    : clock_(clock),
      primary_(primary),
      choice_(Choice{policy::ReadRotation(given.size(), rotation), Rng(random_seed())}) {
  for (Given& each : given) {
    replicas_.push_back(std::make_unique<Replica>(client, std::move(each)));
  }
}

Replicas::~Replicas() { stop(); }

void Replicas::stop() {
  stopped_ = true;
  for (const auto& replica : replicas_) replica->client.stop();
}

const postgres::Client& Replicas::client(std::size_t replica) const {
  return replicas_.at(replica)->client;
}

Replicas::Status Replicas::status(std::size_t replica) const {
  const Replica& of = *replicas_.at(replica);
  Status status{
      choice_.with([replica](const Choice& choice) { return choice.rotation.status(replica); }),
      of.server, of.error.with([](const std::string& error) { return error; }), of.served};
  for (std::size_t i = 0; i < kRepeatReasons; ++i) status.repeated[i] = of.repeated[i];
  return status;
}

std::optional<Replicas::Turn> Replicas::choose() {
  if (replicas_.empty()) return std::nullopt;
  const MonotonicTime now = clock_.now();
  const auto usable = [this](std::size_t replica) {
    const auto breaker = replicas_[replica]->client.breaker_status();
    return breaker.time_to_next_probe == Duration::zero();
  };
  const auto chosen =
      choice_.with([&](Choice& choice) { return choice.rotation.choose(usable, now, choice.rng); });
  if (!chosen) return std::nullopt;
  return Turn(*this, *chosen, now);
}

void Replicas::watch(const boost::asio::any_io_executor& loop, std::uint64_t epoch) {
  for (std::size_t i = 0; i < replicas_.size(); ++i) net::detach(loop, watch_one(i, epoch));
}

net::Task<void> Replicas::watch_one(std::size_t replica, std::uint64_t epoch) {
  Connection connection;
  while (!stopped_) {
    const MonotonicTime next = clock_.now() + kWatchInterval;
    co_await look(replica, epoch, connection);
    if (auto waited = co_await net::pause(next - clock_.now()); !waited) co_return;
  }
}

net::Task<void> Replicas::examine(std::uint64_t epoch, Deadline deadline) {
  std::vector<net::Task<Result<>>> tasks;
  for (std::size_t i = 0; i < replicas_.size(); ++i) {
    tasks.push_back(examine_one(i, epoch, deadline));
  }
  if (!tasks.empty()) (void)co_await net::together(std::move(tasks));
}

net::Task<Result<>> Replicas::examine_one(std::size_t replica, std::uint64_t epoch,
                                          Deadline deadline) {
  Connection connection;
  while (!deadline.expired(clock_.now())) {
    co_await look(replica, epoch, connection);
    if (status(replica).state != ReplicaState::kJoining) break;
    if (auto waited = co_await net::pause(kExamineAgain); !waited) break;
  }
  co_return Result<>();
}

net::Task<void> Replicas::look(std::size_t replica, std::uint64_t epoch, Connection& connection) {
  Replica& of = *replicas_[replica];
  const Deadline deadline = Deadline::after(kLookTimeout, clock_.now());
  const MonotonicTime before = clock_.now();
  const auto position = co_await ask_primary(of, deadline);
  if (position) of.lag.primary_at(static_cast<std::uint64_t>(*position), before);
  auto look =
      co_await ask_replica(of, epoch, connection, Deadline::after(kLookTimeout, clock_.now()));
  if (stopped_) co_return; // that is why it does not answer
  if (!look) {
    connection.reset();
    of.lag = {}; // it may come back as another one, made anew
  }
  of.error.with([&](std::string& error) { error = look ? "" : explain(look.error()); });
  if (look && !position) look->behind.reset(); // what is known is old
  note(replica, look ? *look : ReplicaLook());
}

net::Task<std::optional<std::int64_t>> Replicas::ask_primary(Replica& of, Deadline deadline) {
  auto session = co_await primary_.begin(deadline);
  if (!session) co_return std::nullopt;
  auto rows = co_await session->execute(
      Statement("SELECT (pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::int8, system_identifier"
                " FROM pg_control_system()"),
      deadline);
  if (!rows || rows->empty()) co_return std::nullopt;
  of.system = rows->int64(0, 1);
  co_return rows->int64(0, 0);
}

net::Task<Result<ReplicaLook>> Replicas::ask_replica(Replica& of, std::uint64_t epoch,
                                                     Connection& connection, Deadline deadline) {
  if (!connection) {
    auto opened = co_await postgres::Connection::open(of.client.target(), deadline);
    if (!opened) co_return forward_error(opened);
    connection = std::move(*opened);
    if (of.on_connections) co_await tell_connections(of, *connection, deadline);
  }
  auto rows = co_await connection->execute(
      Statement("SELECT pg_is_in_recovery(),"
                " coalesce((pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::int8, 0),"
                " system_identifier, to_regclass('raglan.store') IS NOT NULL"
                " FROM pg_control_system()"),
      deadline);
  if (!rows) co_return forward_error(rows);
  ReplicaLook look{.answered = true,
                   .replicates = rows->boolean(0, 0),
                   .ours = of.system == 0 || of.system == rows->int64(0, 2),
                   .behind = {}};
  if (!look.ours || !look.replicates) co_return look;
  of.lag.applied(static_cast<std::uint64_t>(rows->int64(0, 1)));
  look.ours = !of.lag.strayed();
  look.behind = of.lag.behind(clock_.now());
  if (!rows->boolean(0, 3)) { // another database of the server, or the tables are to come yet
    look.ours = look.behind != Duration::zero();
    look.behind.reset();
    co_return look;
  }
  auto store = co_await connection->execute(Statement("SELECT epoch FROM raglan.store"), deadline);
  if (!store) co_return forward_error(store);
  const bool same = !store->empty() && static_cast<std::uint64_t>(store->int64(0, 0)) == epoch;
  look.ours = look.ours && same;
  co_return look;
}

net::Task<void> Replicas::tell_connections(Replica& of, postgres::Connection& connection,
                                           Deadline deadline) {
  auto rows = co_await connection.execute(select_max_connections(), deadline);
  if (!rows || rows->empty()) co_return;
  const auto tell = std::exchange(of.on_connections, nullptr);
  tell(static_cast<std::size_t>(std::max<std::int64_t>(rows->int64(0, 0), 0)));
}

void Replicas::note(std::size_t replica, const ReplicaLook& look) {
  const auto change =
      choice_.with([&](Choice& choice) { return choice.rotation.seen(replica, look); });
  if (!change.changed() || change.after == ReplicaState::kJoining) return;
  const std::string_view server = replicas_[replica]->server;
  if (change.after == ReplicaState::kServing) {
    log_info("a read replica is in rotation", {{"replica", replica + 1}, {"server", server}});
    return;
  }
  const double behind = look.behind ? std::chrono::duration<double>(*look.behind).count() : 0.0;
  const std::string error =
      replicas_[replica]->error.with([](const std::string& text) { return text; });
  log_warning("a read replica is not in rotation; reads go to the others or the primary",
              {{"replica", replica + 1},
               {"server", server},
               {"state", policy::replica_state_name(change.after)},
               {"behind_seconds", behind},
               {"reason", change.after == ReplicaState::kUnreachable ? std::string_view(error)
                                                                     : advice_on(change.after)}});
}

} // namespace raglan::postgres_store

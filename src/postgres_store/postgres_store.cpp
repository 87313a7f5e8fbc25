#include "postgres_store/postgres_store.h"

#include <algorithm>
#include <set>
#include <utility>

#include "net/detach.h"
#include "postgres_store/collections.h"
#include "postgres_store/document_reads.h"
#include "postgres_store/question_postings.h"
#include "postgres_store/schema.h"
#include "postgres_store/search.h"
#include "store/rules.h"

namespace raglan::postgres_store {
namespace {

using postgres::Session;
using postgres::Statement;
using store::CollectionKey;
using store::WriteState;

// Documents of one transaction.
constexpr std::size_t kMaxGroupDocuments = 256;
constexpr std::size_t kMaxGroupChunks = 1024;
constexpr std::size_t kMaxKnownGenerations = 10'000;
// A readiness probe must be answered, with whatever answer.
constexpr std::chrono::seconds kCheckTimeout{2};
// A transaction that waited for one that waited for it is done again.
constexpr int kWriteAttempts = 3;

// Not what ends every write alike.
bool may_be_one_documents_fault(ErrorCode code) {
  return code == ErrorCode::kInternal || code == ErrorCode::kInvalidField ||
         code == ErrorCode::kTooLarge;
}

net::Task<Result<store::DocumentPage>> page_of(Snapshot snapshot, std::uint32_t limit) {
  co_return read_page(snapshot.collection, snapshot.rows.front(), limit);
}

} // namespace

PostgresStore::PostgresStore(store::EmbeddingSpace space, const Config& config,
                             postgres::Target target, Parts parts,
                             postgres::Client::Observers observers)
    : space_(std::move(space)),
      config_(config),
      parts_(std::move(parts)),
      clock_(target.clock),
      client_(config.client, std::move(target), std::move(observers)),
      postings_(std::make_shared<PostingsCache>(config.postings_cache_bytes)),
      upkeep_(std::make_unique<Upkeep>(client_, parts_.storage, clock_)),
      replicas_(std::make_unique<Replicas>(config.client, config.rotation, parts_.replicas, client_,
                                           clock_)) {}

PostgresStore::~PostgresStore() { stop(); }

void PostgresStore::begin_upkeep() {
  upkeep_->begin(parts_.loop);
  replicas_->watch(parts_.loop, epoch_);
}

void PostgresStore::stop() {
  replicas_->stop();
  client_.stop();
  probe_.reset();
}

net::Task<Result<std::unique_ptr<PostgresStore>>> PostgresStore::open(
    store::EmbeddingSpace space, const Config& config, postgres::Target target, Parts parts,
    postgres::Client::Observers observers, Deadline deadline) {
  std::unique_ptr<PostgresStore> store(new PostgresStore(
      std::move(space), config, std::move(target), std::move(parts), std::move(observers)));
  auto epoch = co_await prepare_schema(store->client_, deadline);
  if (!epoch) co_return forward_error(epoch);
  store->epoch_ = *epoch;
  co_return store;
}

net::Task<Result<std::size_t>> PostgresStore::max_connections(Deadline deadline) {
  auto rows = co_await client_.execute(select_max_connections(), deadline);
  if (!rows) co_return forward_error(rows);
  co_return static_cast<std::size_t>(std::max<std::int64_t>(rows->int64(0, 0), 0));
}

store::CollectionStats PostgresStore::stats_of(store::CollectionStats stats) const {
  stats.generation.epoch = epoch_;
  return stats;
}

net::Task<Result<>> PostgresStore::create_collection(CollectionKey key, Deadline deadline) {
  if (auto ok = store::check_collection_key(key); !ok) co_return ok;
  auto session = co_await client_.begin(deadline);
  if (!session) co_return forward_error(session);
  co_return co_await insert_collection(*session, key, clock_.wall_now(), deadline);
}

net::Task<Result<std::vector<store::CollectionStats>>> PostgresStore::list_collections(
    std::string tenant, Deadline deadline) {
  auto rows = co_await client_.execute(select_collections(tenant), deadline);
  if (!rows) co_return forward_error(rows);
  std::vector<store::CollectionStats> collections;
  for (std::size_t i = 0; i < rows->size(); ++i) {
    collections.push_back(stats_of(read_collection(*rows, i).stats));
  }
  co_return collections;
}

net::Task<Result<store::CollectionStats>> PostgresStore::read_stats(CollectionKey key,
                                                                    Deadline deadline) {
  if (!store::check_collection_key(key)) co_return no_such_collection();
  auto rows = co_await client_.execute(select_collection(key), deadline);
  if (!rows) co_return forward_error(rows);
  auto row = read_collection(*rows);
  if (!row) co_return forward_error(row);
  co_return stats_of(std::move(row->stats));
}

net::Task<Result<store::CollectionStats>> PostgresStore::collection(CollectionKey key,
                                                                    Deadline deadline) {
  return read_stats(std::move(key), deadline);
}

net::Task<Result<>> PostgresStore::delete_collection(CollectionKey key, Deadline deadline) {
  if (!store::check_collection_key(key)) co_return no_such_collection();
  auto session = co_await client_.begin(deadline);
  if (!session) co_return forward_error(session);
  auto dropped = co_await drop_collection(*session, key, deadline);
  note_write(key);
  if (!dropped) co_await session->roll_back(deadline);
  if (!dropped) co_return forward_error(dropped);
  if (dropped->hnsw) upkeep_->sweep(parts_.loop); // it takes locks: not while somebody waits
  co_return Result<>();
}

net::Task<Result<std::vector<Result<WriteState>>>> PostgresStore::put_many(
    CollectionKey key, std::vector<store::PreparedDocument> documents,
    std::optional<store::RecordGuard> guard, Deadline deadline) {
  using States = std::vector<Result<WriteState>>;
  using Checks = std::vector<Result<CheckedDocument>>;
  if (auto ok = store::check_collection_key(key); !ok) {
    co_return States(documents.size(), std::unexpected(ok.error()));
  }
  auto check_all = [documents = std::move(documents), dimension = space_.dimension,
                    most = parts_.max_metadata_bytes]() mutable -> Result<Checks> {
    Checks checks;
    for (store::PreparedDocument& document : documents) {
      checks.push_back(check_to_write(std::move(document), dimension, most));
    }
    return checks;
  };
  auto checks = co_await net::offload(parts_.storage, std::move(check_all), deadline, clock_);
  if (!checks) co_return forward_error(checks);

  States states;
  states.reserve(checks->size());
  std::vector<const CheckedDocument*> group;
  std::vector<Result<WriteState>*> group_states;
  std::set<std::string_view> ids;
  std::size_t chunks = 0;
  for (Result<CheckedDocument>& checked : *checks) {
    if (!checked) {
      states.push_back(forward_error(checked));
      continue;
    }
    states.emplace_back(WriteState::kUnchanged);
    const std::size_t added = checked->prepared.chunks.size();
    const bool full = group.size() == kMaxGroupDocuments || chunks + added > kMaxGroupChunks;
    if (!group.empty() && (full || ids.contains(checked->prepared.document.id))) {
      co_await write_group(key, std::exchange(group, {}), std::exchange(group_states, {}), guard,
                           deadline);
      ids.clear();
      chunks = 0;
    }
    group.push_back(&*checked);
    group_states.push_back(&states.back());
    ids.insert(checked->prepared.document.id);
    chunks += added;
  }
  if (!group.empty()) {
    co_await write_group(key, std::move(group), std::move(group_states), guard, deadline);
  }
  note_write(key);
  if (std::ranges::any_of(states, &Result<WriteState>::has_value)) upkeep_->add(parts_.loop, key);
  co_return states;
}

// One that fails is written document by document, so that each fails alone.
net::Task<void> PostgresStore::write_group(const CollectionKey& key,
                                           std::vector<const CheckedDocument*> group,
                                           std::vector<Result<WriteState>*> states,
                                           const std::optional<store::RecordGuard>& guard,
                                           Deadline deadline) {
  std::optional<Error> failure;
  for (int attempt = 1; attempt <= kWriteAttempts; ++attempt) {
    auto session = co_await client_.begin(deadline);
    if (!session) {
      failure = session.error();
      break;
    }
    const DocumentBatch batch{key, space_, group, guard, clock_.wall_now()};
    auto written = co_await put_documents(*session, batch, deadline);
    if (written) {
      for (std::size_t i = 0; i < states.size(); ++i) *states[i] = (*written)[i];
      co_return;
    }
    failure = written.error();
    co_await session->roll_back(deadline);
    if (failure->code != ErrorCode::kOverloaded) break;
  }
  if (group.size() == 1 || !may_be_one_documents_fault(failure->code)) {
    for (Result<WriteState>* state : states) *state = std::unexpected(*failure);
    co_return;
  }
  for (std::size_t i = 0; i < group.size(); ++i) {
    std::vector<const CheckedDocument*> one{group[i]};
    std::vector<Result<WriteState>*> its_state{states[i]};
    co_await write_group(key, std::move(one), std::move(its_state), guard, deadline);
  }
}

net::Task<Result<>> PostgresStore::remove(CollectionKey key, std::string document_id,
                                          Deadline deadline) {
  if (!store::is_document_id(document_id) || !store::check_collection_key(key)) {
    co_return fail(ErrorCode::kNotFound, "no such document");
  }
  auto session = co_await client_.begin(deadline);
  if (!session) co_return forward_error(session);
  auto removed = co_await remove_document(*session, key, document_id, deadline);
  if (!removed) co_await session->roll_back(deadline);
  note_write(key);
  if (removed) upkeep_->add(parts_.loop, key);
  co_return removed;
}

template <typename T>
ReplicaRead<T> PostgresStore::replica_read(const CollectionKey& key, Deadline deadline) {
  return {.key = key,
          .known = {},
          .ask_primary = [this, key, deadline] { return generation(key, deadline); },
          .epoch = epoch_,
          .further = {},
          .rest = {}};
}

net::Task<Result<store::Document>> PostgresStore::get(CollectionKey key, std::string document_id,
                                                      Deadline deadline) {
  if (!store::is_document_id(document_id)) co_return no_such_document();
  auto turn = replicas_->choose();
  if (turn) {
    auto read = replica_read<store::Document>(key, deadline);
    read.further.push_back(select_document(key, document_id));
    read.further.emplace_back("COMMIT");
    read.rest = [](Session&, Snapshot found, Deadline) -> net::Task<Result<store::Document>> {
      co_return read_document(found.rows.front());
    };
    auto document = co_await read_on_replica(*turn, std::move(read), deadline);
    if (document) co_return std::move(*document);
  }
  auto rows = co_await client_.execute(select_document(key, document_id), deadline);
  if (!rows) co_return forward_error(rows);
  co_return read_document(*rows);
}

net::Task<Result<store::DocumentPage>> PostgresStore::list(CollectionKey key, std::string after_id,
                                                           std::uint32_t limit, Deadline deadline) {
  // Ids have no U+0000, so those after the text are those after what stands before it.
  after_id.resize(std::min(after_id.size(), after_id.find('\0')));
  std::vector<Statement> further;
  further.push_back(select_page(key, after_id, limit));
  further.emplace_back("COMMIT");
  auto turn = replicas_->choose();
  if (turn) {
    auto read = replica_read<store::DocumentPage>(key, deadline);
    read.further = further;
    read.rest = [limit](Session&, Snapshot found, Deadline) {
      return page_of(std::move(found), limit);
    };
    auto page = co_await read_on_replica(*turn, std::move(read), deadline);
    if (page) co_return std::move(*page);
  }
  auto session = co_await client_.begin(deadline);
  if (!session) co_return forward_error(session);
  auto snapshot = co_await open_snapshot(*session, key, std::move(further), deadline);
  if (!snapshot) co_return forward_error(snapshot);
  co_return read_page(snapshot->collection, snapshot->rows.front(), limit);
}

net::Task<Result<std::vector<std::optional<store::StoredVersion>>>> PostgresStore::stored_versions(
    CollectionKey key, std::vector<std::string> document_ids, Deadline deadline) {
  auto session = co_await client_.begin(deadline);
  if (!session) co_return forward_error(session);
  co_return co_await read_stored_versions(*session, key, std::move(document_ids), deadline);
}

net::Task<Result<store::Found>> PostgresStore::search(store::SearchRequest request,
                                                      store::Choose choose, Deadline deadline) {
  const SearchParts parts{space_, parts_.search, postings_, clock_, epoch_, deadline};
  const CollectionKey& key = request.collection;
  auto turn = replicas_->choose();
  if (turn) {
    auto read = replica_read<store::Found>(key, deadline);
    read.known = known_generation(key);
    read.further.push_back(select_segments(key));
    read.rest = [&](Session& session, Snapshot opened, Deadline until) {
      return postgres_store::search(session, parts, std::move(opened), request, choose, until);
    };
    auto found = co_await read_on_replica(*turn, std::move(read), deadline);
    if (found) co_return std::move(*found);
  }
  auto session = co_await client_.begin(deadline);
  if (!session) co_return forward_error(session);
  auto snapshot = co_await open_snapshot(*session, key, {select_segments(key)}, deadline);
  Result<store::Found> found =
      snapshot ? store::Found() : Result<store::Found>(forward_error(snapshot));
  if (snapshot) {
    found = co_await postgres_store::search(*session, parts, std::move(*snapshot), request, choose,
                                            deadline);
  }
  if (!found) co_await session->roll_back(deadline);
  co_return found;
}

net::Task<Result<store::Generation>> PostgresStore::generation(CollectionKey key,
                                                               Deadline deadline) {
  const MonotonicTime asked_at = clock_.now();
  const std::uint64_t writes = generations_.with([](const auto& known) { return known.writes; });
  auto stats = co_await read_stats(key, deadline);
  if (!stats) co_return forward_error(stats);
  if (config_.max_staleness > Duration::zero()) {
    generations_.with([&](auto& known) {
      if (known.writes != writes) return;
      if (known.of.size() >= kMaxKnownGenerations) known.of.clear();
      known.of[key] = {stats->generation, asked_at};
    });
  }
  co_return stats->generation;
}

std::optional<Result<store::Generation>> PostgresStore::try_generation(const CollectionKey& key) {
  if (config_.max_staleness <= Duration::zero()) return std::nullopt;
  const MonotonicTime now = clock_.now();
  return generations_.with([&](const auto& known) -> std::optional<Result<store::Generation>> {
    const auto found = known.of.find(key);
    if (found == known.of.end() || now - found->second.read_at >= config_.max_staleness) return {};
    return found->second.generation;
  });
}

std::optional<store::Generation> PostgresStore::known_generation(const CollectionKey& key) {
  const auto known = try_generation(key);
  if (!known || !*known) return std::nullopt;
  return **known;
}

void PostgresStore::forget_generation(const CollectionKey& key) {
  generations_.with([&](auto& known) {
    known.of.erase(key);
    ++known.writes;
  });
}

void PostgresStore::forget_generations() {
  generations_.with([&](auto& known) {
    known.of.clear();
    ++known.writes;
  });
}

void PostgresStore::note_write(const CollectionKey& key) {
  forget_generation(key);
  if (parts_.on_write) parts_.on_write(key);
}

Result<> PostgresStore::check() {
  const Deadline deadline = Deadline::after(kCheckTimeout, clock_.now());
  return net::run_on(parts_.loop, ping(deadline));
}

net::Task<Result<>> PostgresStore::ping(Deadline deadline) {
  if (!probe_) {
    auto opened = co_await postgres::Connection::open(client_.target(), deadline);
    if (!opened) co_return forward_error(opened);
    probe_ = std::move(*opened);
  }
  auto rows = co_await probe_->execute(Statement("SELECT 1"), deadline);
  if (rows) co_return Result<>();
  probe_.reset();
  co_return forward_error(rows);
}

} // namespace raglan::postgres_store

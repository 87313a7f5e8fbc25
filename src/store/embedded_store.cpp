#include "store/embedded_store.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "base/log.h"
#include "store/collection_table.h"
#include "store/document_reads.h"
#include "store/document_writes.h"
#include "store/embedded_probe.h"
#include "store/file_lock.h"
#include "store/filter_query.h"
#include "store/index_shelf.h"
#include "store/reader_pool.h"
#include "store/record_table.h"
#include "store/rules.h"
#include "store/schema.h"
#include "store/snapshot_file.h"
#include "store/upkeep.h"
#include "store/writer.h"

namespace raglan::store {
namespace {

// A filter and the index that it is used with should be of the same commit; under constant writes
// the last attempt is taken as it is.
constexpr int kMaxFilterAttempts = 3;

std::filesystem::path with_suffix(std::filesystem::path path, std::string_view suffix) {
  path += suffix;
  return path;
}

// Damage shows as an SQLite error or as the check's own text.
Result<> check_pages(Connection& connection) {
  auto check = connection.prepare("PRAGMA quick_check(1)");
  if (!check) return forward_error(check);
  auto row = check->step();
  if (!row) return forward_error(row);
  if (*row && check->text(0) == "ok") return {};
  return fail(ErrorCode::kCorrupt, "the store's file is damaged");
}

struct Opened {
  Connection connection;
  std::uint64_t epoch = 0;
};

// One process at a time: creating a file and switching it to WAL is not safe against another one
// that does the same.
Result<Opened> open_database(const std::filesystem::path& path, const StoreConfig& config,
                             Connection::Options options) {
  std::error_code error;
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), error);
  auto lock = FileLock::acquire(with_suffix(path, ".opening"));
  if (!lock) return forward_error(lock);
  options.create = true;
  auto connection = Connection::open(path, options);
  if (!connection) return forward_error(connection);
  const auto size_bytes = std::filesystem::file_size(path, error);
  if (!error && size_bytes <= config.check_at_open_bytes) {
    if (auto ok = check_pages(*connection); !ok) return forward_error(ok);
  }
  auto epoch = prepare_schema(*connection);
  if (!epoch) return forward_error(epoch);
  return Opened{std::move(*connection), *epoch};
}

// Documents that are written by one piece of work: as many as keep other writes waiting for a
// moment only.
constexpr std::size_t kMaxSliceDocuments = 256;
constexpr std::size_t kMaxSliceChunks = 1024;

std::vector<std::span<const CheckedDocument>> slices_of(
    std::span<const CheckedDocument> documents) {
  std::vector<std::span<const CheckedDocument>> slices;
  std::size_t first = 0;
  std::size_t chunks = 0;
  for (std::size_t i = 0; i < documents.size(); ++i) {
    const std::size_t added = documents[i].prepared->chunks.size();
    if (i > first && (i - first == kMaxSliceDocuments || chunks + added > kMaxSliceChunks)) {
      slices.push_back(documents.subspan(first, i - first));
      first = i;
      chunks = 0;
    }
    chunks += added;
  }
  if (first < documents.size()) slices.push_back(documents.subspan(first));
  return slices;
}

// Not what ends every write alike.
bool may_be_one_documents_fault(ErrorCode code) {
  return code != ErrorCode::kConflict && code != ErrorCode::kUnavailable &&
         code != ErrorCode::kOverloaded && code != ErrorCode::kDraining &&
         code != ErrorCode::kCorrupt;
}

} // namespace

struct EmbeddedStore::Parts {
  // What one search needs from the database.
  struct Prepared {
    Generation generation; // of the commit that `allowed` belongs to
    std::optional<std::vector<std::uint64_t>> allowed;
    std::shared_ptr<const CollectionIndex> index; // null: nothing was ever written
  };

  Parts(const std::filesystem::path& database, EmbeddingSpace embedding_space,
        StoreConfig store_config, const Clock& system_clock,
        std::unique_ptr<StatementCounts> statement_counts, Opened opened)
      : path(database),
        statements(std::move(statement_counts)),
        space(std::move(embedding_space)),
        config(store_config),
        clock(system_clock),
        epoch(opened.epoch),
        readers({path, config.readers, {false, config.busy_timeout, statements.get()}}),
        shelf(with_suffix(path, ".snapshots"), epoch, IndexConfig{}),
        writer(std::move(opened.connection),
               {path, config.write_queue, config.checkpoint_bytes, config.change_log_max}, clock),
        leveling(config.upkeep_interval, Upkeep::Priority::kNormal,
                 [this](const Upkeep::Stopped& stopped) {
                   shelf.load_wanted(readers, stopped);
                   shelf.keep_level(readers);
                 }),
        folding(config.upkeep_interval, Upkeep::Priority::kLow,
                [this](const Upkeep::Stopped& stopped) {
                  shelf.fold(config.snapshot_after_chunks, stopped);
                }) {}

  // Holds no reader while it waits for the index.
  Result<Prepared> prepare(const SearchRequest& request) {
    auto row = readers.collection(request.collection);
    if (!row) return forward_error(row);
    Prepared prepared{.generation = {epoch, row->seq, row->nonce}};
    if (row->dimension == 0) return prepared;
    auto ok = check_space_to_search(request, {row->embedder_id, row->dimension}, space);
    if (!ok) return forward_error(ok);
    if (request.filter) {
      ok = match(request, prepared);
      if (!ok) return forward_error(ok);
    }
    auto index = shelf.at_least(readers, request.collection, *row);
    if (!index) return forward_error(index);
    prepared.index = std::move(*index);
    return prepared;
  }

  // Each slice is one piece of the writer's work. One that fails is written document by document,
  // so that each fails alone.
  std::vector<Result<WriteState>> write_checked(const CollectionKey& key,
                                                std::span<const CheckedDocument> documents,
                                                const std::optional<RecordGuard>& guard) {
    const std::vector<std::span<const CheckedDocument>> slices = slices_of(documents);
    std::vector<std::vector<WriteState>> states(slices.size());
    std::vector<Writer::Work> works;
    works.reserve(slices.size());
    for (std::size_t i = 0; i < slices.size(); ++i) {
      works.emplace_back([&, i](Connection& connection) -> Result<> {
        const WallTime now = clock.wall_now();
        if (guard) {
          if (auto ok = check_guard(connection, *guard, now); !ok) return ok;
        }
        auto put = put_documents(connection, key, space, slices[i], now);
        if (!put) return forward_error(put);
        states[i] = std::move(*put);
        return {};
      });
    }
    const std::vector<Result<>> outcomes = writer.write_all(works);
    std::vector<Result<WriteState>> all;
    for (std::size_t i = 0; i < slices.size(); ++i) {
      if (outcomes[i]) {
        all.insert(all.end(), states[i].begin(), states[i].end());
      } else if (slices[i].size() == 1 || !may_be_one_documents_fault(outcomes[i].error().code)) {
        all.insert(all.end(), slices[i].size(), std::unexpected(outcomes[i].error()));
      } else {
        for (std::size_t each = 0; each < slices[i].size(); ++each) {
          all.push_back(std::move(write_checked(key, slices[i].subspan(each, 1), guard).front()));
        }
      }
    }
    return all;
  }

  Result<> match(const SearchRequest& request, Prepared& prepared) {
    auto reader = readers.acquire();
    if (!reader) return forward_error(reader);
    Connection& connection = (*reader)->connection();
    auto snapshot = ReadTransaction::begin(connection);
    if (!snapshot) return forward_error(snapshot);
    auto row = find_collection(connection, request.collection);
    if (!row) return forward_error(row);
    prepared.generation = {epoch, row->seq, row->nonce};
    auto allowed = matching_chunks(connection, request.collection.tenant, row->id, *request.filter);
    if (!allowed) return forward_error(allowed);
    prepared.allowed = std::move(*allowed);
    return {};
  }

  const std::filesystem::path path;
  // Before everything that counts into it.
  std::unique_ptr<StatementCounts> statements;
  const EmbeddingSpace space;
  const StoreConfig config;
  const Clock& clock;
  const std::uint64_t epoch;
  ReaderPool readers;
  IndexShelf shelf;
  Writer writer;
  Upkeep leveling; // last: their threads use the others
  Upkeep folding;
};

EmbeddedStore::EmbeddedStore(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
EmbeddedStore::~EmbeddedStore() { close(); }

Result<std::unique_ptr<EmbeddedStore>> EmbeddedStore::open(const std::filesystem::path& path,
                                                           EmbeddingSpace space, StoreConfig config,
                                                           const Clock& clock) {
  auto statements = std::make_unique<StatementCounts>();
  auto opened = open_database(path, config, {true, config.busy_timeout, statements.get()});
  if (!opened) return forward_error(opened);
  std::error_code ignored; // without the folder, saving snapshots fails and is reported then
  std::filesystem::create_directories(with_suffix(path, ".snapshots"), ignored);
  sweep_unfinished_snapshots(with_suffix(path, ".snapshots"));
  sweep_snapshots_of_dropped(with_suffix(path, ".snapshots"), opened->connection);
  return std::unique_ptr<EmbeddedStore>(new EmbeddedStore(std::make_unique<Parts>(
      path, std::move(space), config, clock, std::move(statements), std::move(*opened))));
}

void EmbeddedStore::close() {
  parts_->writer.stop();
  parts_->leveling.stop();
  parts_->folding.stop();
  parts_->shelf.keep_level(parts_->readers); // with the last writes
  if (auto ok = parts_->shelf.save(parts_->config.snapshot_at_close_chunks); !ok) {
    log_warning("index snapshot not saved", {{"reason", ok.error().message}});
  }
}

Result<> EmbeddedStore::load_indexes(const std::function<void(LoadProgress)>& progress) {
  auto stored = stored_collections();
  if (!stored) return forward_error(stored);
  std::vector<std::pair<CollectionKey, CollectionRow>> collections;
  LoadProgress total;
  for (StoredCollection& each : *stored) {
    auto row = parts_->readers.collection(each.key);
    if (!row || row->dimension == 0) continue; // deleted meanwhile, or never written to
    total.chunks_total += row->chunks;
    collections.emplace_back(std::move(each.key), std::move(*row));
  }
  std::uint64_t chunks_before = 0;
  for (const auto& [key, row] : collections) {
    const auto count = [&](std::size_t chunks) {
      total.chunks_loaded += chunks;
      if (progress) progress(total);
      return true;
    };
    auto index = parts_->shelf.at_least(parts_->readers, key, row, count);
    if (!index && index.error().code != ErrorCode::kNotFound) return forward_error(index);
    chunks_before += row.chunks;
    total.chunks_loaded = chunks_before; // what came from a snapshot was not counted
    if (progress) progress(total);
  }
  return {};
}

Result<> EmbeddedStore::check_file(const std::filesystem::path& path, const StoreConfig& config) {
  auto connection = Connection::open(path, {.create = false, .busy_timeout = config.busy_timeout});
  if (!connection) return forward_error(connection);
  return check_pages(*connection);
}

Result<> EmbeddedStore::save_snapshots() { return parts_->shelf.save(1); }

EmbeddedStore::IndexSize EmbeddedStore::index_size() const {
  IndexSize size;
  parts_->shelf.for_each_loaded([&](const CollectionIndex& index) {
    size.chunks += index.size();
    size.graph_chunks += index.graph_size();
  });
  return size;
}

const StatementCounts& EmbeddedStore::statements() const { return *parts_->statements; }

std::size_t EmbeddedStore::write_queue_depth() const { return parts_->writer.waiting(); }

Result<> EmbeddedStore::create_collection(const CollectionKey& key) {
  if (auto ok = check_collection_key(key); !ok) return ok;
  return parts_->writer.write([&](Connection& connection) {
    return insert_collection(connection, key, parts_->clock.wall_now());
  });
}

Result<std::vector<CollectionStats>> EmbeddedStore::list_collections(std::string_view tenant) {
  auto reader = parts_->readers.acquire();
  if (!reader) return forward_error(reader);
  auto rows = store::list_collections((*reader)->connection(), tenant);
  if (!rows) return forward_error(rows);
  std::vector<CollectionStats> collections;
  for (const CollectionRow& row : *rows) collections.push_back(stats_of(row, parts_->epoch));
  return collections;
}

Result<CollectionStats> EmbeddedStore::collection(const CollectionKey& key) {
  auto row = parts_->readers.collection(key);
  if (!row) return forward_error(row);
  return stats_of(*row, parts_->epoch);
}

Result<> EmbeddedStore::delete_collection(const CollectionKey& key) {
  return parts_->writer.write(
      [&](Connection& connection) { return drop_collection(connection, key); });
}

Result<WriteState> EmbeddedStore::put(const CollectionKey& key, const PreparedDocument& document) {
  return std::move(put_many(key, {&document, 1}).front());
}

std::vector<Result<WriteState>> EmbeddedStore::put_many(const CollectionKey& key,
                                                        std::span<const PreparedDocument> documents,
                                                        const std::optional<RecordGuard>& guard) {
  std::vector<Result<WriteState>> states(documents.size(), WriteState::kUnchanged);
  if (auto ok = check_collection_key(key); !ok) {
    states.assign(documents.size(), forward_error(ok));
    return states;
  }
  std::vector<std::vector<Field>> fields(documents.size());
  std::vector<CheckedDocument> checked;
  std::vector<std::size_t> positions; // of the checked, among `documents`
  for (std::size_t i = 0; i < documents.size(); ++i) {
    auto found =
        check_document(documents[i], parts_->space.dimension, parts_->config.max_metadata_bytes);
    if (!found) {
      states[i] = forward_error(found);
      continue;
    }
    fields[i] = std::move(*found);
    checked.push_back({&documents[i], &fields[i]});
    positions.push_back(i);
  }
  const std::vector<Result<WriteState>> written = parts_->write_checked(key, checked, guard);
  for (std::size_t i = 0; i < written.size(); ++i) states[positions[i]] = written[i];
  const bool any = std::ranges::any_of(written, &Result<WriteState>::has_value);
  if (any) parts_->shelf.want(key);
  return states;
}

Result<> EmbeddedStore::remove(const CollectionKey& key, std::string_view document_id) {
  return parts_->writer.write(
      [&](Connection& connection) { return remove_document(connection, key, document_id); });
}

Result<Document> EmbeddedStore::get(const CollectionKey& key, std::string_view document_id) {
  return parts_->readers.read(
      [&](Connection& connection) { return read_document(connection, key, document_id); });
}

Result<DocumentPage> EmbeddedStore::list(const CollectionKey& key, std::string_view after_id,
                                         std::uint32_t limit) {
  return parts_->readers.read(
      [&](Connection& connection) { return read_page(connection, key, after_id, limit); });
}

Result<std::vector<std::optional<StoredVersion>>> EmbeddedStore::stored_versions(
    const CollectionKey& key, std::span<const std::string> document_ids) {
  return parts_->readers.read(
      [&](Connection& connection) { return read_stored_versions(connection, key, document_ids); });
}

Result<std::vector<PreparedDocument>> EmbeddedStore::prepared_documents(
    const CollectionKey& key, std::span<const std::string> document_ids) {
  return parts_->readers.read(
      [&](Connection& connection) { return read_prepared(connection, key, document_ids); });
}

Result<std::vector<Passage>> EmbeddedStore::passages(const CollectionKey& key,
                                                     std::span<const std::uint64_t> chunk_ids) {
  return parts_->readers.read(
      [&](Connection& connection) { return read_passages(connection, key, chunk_ids); });
}

Result<Generation> EmbeddedStore::generation(const CollectionKey& key) {
  auto stats = collection(key);
  if (!stats) return forward_error(stats);
  return stats->generation;
}

Result<std::unique_ptr<EmbeddedProbe>> EmbeddedStore::generation_probe() {
  return EmbeddedProbe::open(parts_->path, parts_->epoch);
}

Result<std::uint64_t> EmbeddedStore::write_record(const RecordWrite& write) {
  if (auto ok = check_record(write); !ok) return forward_error(ok);
  const std::uint64_t version = make_record_version();
  auto written = parts_->writer.write([&](Connection& connection) {
    return store::write_record(connection, write, version, parts_->clock.wall_now());
  });
  if (!written) return forward_error(written);
  return version;
}

Result<bool> EmbeddedStore::erase_record(const RecordKey& key,
                                         std::optional<std::uint64_t> expected) {
  if (!is_record_key(key)) return false;
  bool existed = false;
  auto erased = parts_->writer.write([&](Connection& connection) -> Result<> {
    auto gone = store::erase_record(connection, key, expected, parts_->clock.wall_now());
    if (!gone) return forward_error(gone);
    existed = *gone;
    return {};
  });
  if (!erased) return forward_error(erased);
  return existed;
}

Result<std::optional<Record>> EmbeddedStore::read_record(const RecordKey& key) {
  if (!is_record_key(key)) return std::nullopt;
  return parts_->readers.read([&](Connection& connection) {
    return store::read_record(connection, key, parts_->clock.wall_now());
  });
}

Result<std::vector<Record>> EmbeddedStore::list_records(const std::string& kind,
                                                        const std::string& tenant,
                                                        const std::string& after_id,
                                                        std::uint32_t limit) {
  if (!is_record_list(kind, tenant, after_id)) return std::vector<Record>();
  return parts_->readers.read([&](Connection& connection) {
    return store::list_records(connection, kind, tenant, after_id, limit, parts_->clock.wall_now());
  });
}

Result<std::vector<Record>> EmbeddedStore::list_all_records(std::string_view kind,
                                                            std::uint32_t limit) {
  return parts_->readers.read([&](Connection& connection) {
    return store::list_all_records(connection, kind, limit, parts_->clock.wall_now());
  });
}

Result<std::vector<Record>> EmbeddedStore::list_records_after(const std::optional<RecordKey>& after,
                                                              std::uint32_t limit) {
  return parts_->readers.read([&](Connection& connection) {
    return store::list_records_after(connection, after, limit, parts_->clock.wall_now());
  });
}

Result<std::vector<StoredCollection>> EmbeddedStore::stored_collections() {
  return parts_->readers.read(store::stored_collections);
}

Result<std::uint64_t> EmbeddedStore::record_digest(std::string_view kind) {
  return parts_->readers.read(
      [&](Connection& connection) { return store::record_digest(connection, kind); });
}

Result<SearchResult> EmbeddedStore::search(const SearchRequest& request) {
  for (int attempt = 1;; ++attempt) {
    auto prepared = parts_->prepare(request);
    if (!prepared) return forward_error(prepared);
    SearchResult result;
    result.generation = prepared->generation;
    if (prepared->index != nullptr) {
      CollectionIndex::Query query{.vector = request.query_vector,
                                   .text = request.query_text,
                                   .candidates = request.candidates,
                                   .exact = request.exact};
      if (prepared->allowed) query.allowed_chunk_ids = *prepared->allowed;
      result = prepared->index->search(query);
      result.generation.epoch = parts_->epoch;
    }
    const bool same_commit = !prepared->allowed || result.generation == prepared->generation;
    if (same_commit) return result;
    if (attempt < kMaxFilterAttempts) continue;
    // The older of the two: whoever caches the result must not keep it as the newer commit's.
    result.generation = std::min(result.generation, prepared->generation);
    return result;
  }
}

} // namespace raglan::store

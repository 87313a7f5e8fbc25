#include "postgres_store/document_writes.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/hex.h"
#include "base/rng.h"
#include "base/unix_time.h"
#include "postgres/copy_rows.h"
#include "postgres_store/collections.h"
#include "postgres_store/filter_sql.h"
#include "postgres_store/postgres_records.h"
#include "postgres_store/postings.h"
#include "store/rules.h"

namespace raglan::postgres_store {
namespace {

using postgres::CopyRows;
using postgres::Session;
using postgres::Statement;
using store::Chunk;
using store::Document;
using store::Term;
using States = std::vector<store::WriteState>;

// Longer keys no filter can name.
constexpr std::size_t kMaxFieldKeyBytes = 256;

// The statement that makes a collection's row unless there is one.
Statement insert_if_missing(const store::CollectionKey& key, WallTime now) {
  return Statement(
      "INSERT INTO raglan.collection (tenant, name, seq, nonce, created_at_ms)"
      " VALUES ($1::text, $2::text, nextval('raglan.change_seq'), $3::int8, $4::int8)"
      " ON CONFLICT (tenant, name) DO NOTHING",
      key.tenant, key.name, static_cast<std::int64_t>(random_seed()), to_unix_milliseconds(now));
}

// What belongs to these documents, but for their own rows: deleted, and the chunks noted as dead.
// How many there were, and their length.
void add_delete_parts(std::vector<Statement>& statements, const std::string& tenant,
                      std::int64_t collection_id, std::span<const std::int64_t> document_keys) {
  statements.emplace_back(
      "DELETE FROM raglan.field WHERE tenant = $1::text AND collection_id = $2::int8"
      " AND document_key = ANY($3::int8[])",
      tenant, collection_id, document_keys);
  statements.emplace_back(
      "WITH gone AS (DELETE FROM raglan.chunk WHERE tenant = $1::text AND collection_id = $2::int8"
      " AND document_key = ANY($3::int8[]) RETURNING chunk_id, length_terms),"
      " vectors AS (DELETE FROM raglan.chunk_vector v USING gone WHERE v.tenant = $1::text"
      " AND v.collection_id = $2::int8 AND v.chunk_id = gone.chunk_id),"
      " noted AS (INSERT INTO raglan.dead_chunk SELECT $1::text, $2::int8, chunk_id FROM gone"
      " WHERE length_terms > 0)"
      " SELECT count(*), coalesce(sum(length_terms), 0)::int8 FROM gone",
      tenant, collection_id, document_keys);
}

Result<> check_characters(const store::PreparedDocument& prepared,
                          const std::vector<store::Field>& fields) {
  const auto refuse = [](std::string_view text, std::string_view param) -> Result<> {
    if (text.find('\0') == text.npos) return {};
    return fail(ErrorCode::kInvalidField, "PostgreSQL does not keep the character U+0000",
                std::string(param));
  };
  const Document& document = prepared.document;
  if (auto ok = refuse(document.text, "/text"); !ok) return ok;
  if (auto ok = refuse(document.title, "/title"); !ok) return ok;
  if (auto ok = refuse(document.uri, "/uri"); !ok) return ok;
  for (const Chunk& chunk : prepared.chunks) {
    if (auto ok = refuse(chunk.title_path, "/text"); !ok) return ok;
  }
  for (const store::Field& field : fields) {
    if (auto ok = refuse(field.key, "/metadata"); !ok) return ok;
  }
  return {};
}

CheckedDocument::Terms terms_of(const Chunk& chunk) {
  std::vector<Term> terms = store::analyze(store::indexed_text(chunk.title_path, chunk.text));
  CheckedDocument::Terms counted{.length = static_cast<std::uint32_t>(terms.size()),
                                 .occurrences = {}};
  std::ranges::sort(terms);
  for (const Term term : terms) {
    if (counted.occurrences.empty() || counted.occurrences.back().first != term) {
      counted.occurrences.emplace_back(term, 0);
    }
    ++counted.occurrences.back().second;
  }
  return counted;
}

// Of one row's columns embedder_id and dimension, from `column` on.
store::EmbeddingSpace read_space(const postgres::Rows& rows, std::size_t column) {
  return {std::string(rows.text(0, column)), static_cast<std::size_t>(rows.int32(0, column + 1))};
}

// One transaction that writes documents.
class Put {
 public:
  Put(Session& session, const DocumentBatch& batch, Deadline deadline)
      : session_(session),
        key_(batch.key),
        space_(batch.space),
        documents_(batch.documents),
        guard_(batch.guard),
        now_(batch.now),
        deadline_(deadline) {}

  net::Task<Result<States>> run() {
    if (auto ok = co_await open_collection(); !ok) co_return forward_error(ok);
    if (auto ok = co_await upsert_documents(); !ok) co_return forward_error(ok);
    if (!news_.empty()) {
      if (auto ok = co_await replace_chunks(); !ok) co_return forward_error(ok);
      if (auto ok = co_await copy_rows(); !ok) co_return forward_error(ok);
    }
    std::vector<Statement> statements;
    if (!news_.empty()) add_change(statements, key_.tenant, collection_id_, change_);
    statements.emplace_back("COMMIT");
    auto ended = co_await session_.execute_all(std::move(statements), deadline_);
    if (!ended) co_return forward_error(ended);
    co_return std::move(states_);
  }

 private:
  struct NewDocument {
    const CheckedDocument* checked;
    std::int64_t key;
    const store::PreparedDocument& prepared() const { return checked->prepared; }
  };

  // Begins the transaction. The collection cannot be deleted until its end.
  net::Task<Result<>> open_collection() {
    std::vector<Statement> statements;
    statements.emplace_back("BEGIN");
    if (guard_) statements.push_back(holding(*guard_, now_));
    statements.push_back(insert_if_missing(key_, now_));
    statements.emplace_back(
        "SELECT collection_id, embedder_id, dimension FROM raglan.collection"
        " WHERE tenant = $1::text AND name = $2::text FOR KEY SHARE",
        key_.tenant, key_.name);
    auto rows = co_await session_.execute_all(std::move(statements), deadline_);
    if (!rows) co_return forward_error(rows);
    if (guard_ && (*rows)[1].empty()) co_return store::record_conflict();
    if (rows->back().empty()) {
      co_return fail(ErrorCode::kOverloaded, "the collection was deleted in this moment");
    }
    collection_id_ = rows->back().int64(0, 0);
    const store::EmbeddingSpace held = read_space(rows->back(), 1);
    if (held.dimension > 0) co_return store::check_space_to_write(key_.name, held, space_);
    co_return co_await claim_space();
  }

  // Of a collection without vectors, whose row is locked then until the commit.
  net::Task<Result<>> claim_space() {
    std::vector<Statement> statements;
    statements.emplace_back(
        "UPDATE raglan.collection SET embedder_id = $3::text, dimension = $4::int4"
        " WHERE tenant = $1::text AND collection_id = $2::int8 AND dimension = 0",
        key_.tenant, collection_id_, space_.embedder_id,
        static_cast<std::int32_t>(space_.dimension));
    statements.emplace_back(
        "SELECT embedder_id, dimension FROM raglan.collection"
        " WHERE tenant = $1::text AND collection_id = $2::int8",
        key_.tenant, collection_id_);
    auto rows = co_await session_.execute_all(std::move(statements), deadline_);
    if (!rows) co_return forward_error(rows);
    const store::EmbeddingSpace held = read_space(rows->back(), 0);
    co_return store::check_space_to_write(key_.name, held, space_); // somebody may have been faster
  }

  // The rows of documents that are new or have changed.
  net::Task<Result<>> upsert_documents() {
    std::vector<std::size_t> order(documents_.size());
    std::iota(order.begin(), order.end(), 0);
    const auto id_of = [this](std::size_t i) { return documents_[i]->prepared.document.id; };
    std::ranges::sort(order, {}, id_of);
    std::vector<std::string> ids, hashes, titles, uris, metadata, texts;
    std::vector<std::int64_t> chunk_counts, updated_at;
    for (const std::size_t i : order) {
      const Document& document = documents_[i]->prepared.document;
      ids.push_back(document.id);
      hashes.push_back(document.content_hash.hex());
      titles.push_back(document.title);
      uris.push_back(document.uri);
      metadata.push_back(document.metadata_json);
      texts.push_back(document.text);
      chunk_counts.push_back(static_cast<std::int64_t>(documents_[i]->prepared.chunks.size()));
      updated_at.push_back(
          to_unix_milliseconds(document.updated_at == WallTime() ? now_ : document.updated_at));
    }
    using Texts = std::span<const std::string>;
    Statement upsert(
        "INSERT INTO raglan.document AS d (tenant, collection_id, id, content_hash, updated_at_ms,"
        " chunk_count, title, uri, metadata, text)"
        " SELECT $1::text, $2::int8, n.id, decode(n.hash, 'hex'), n.updated_at, n.chunks::int4,"
        " n.title, n.uri, n.metadata, n.text"
        " FROM unnest($3::int8[], $4::text[], $5::text[], $6::int8[], $7::text[], $8::text[],"
        " $9::text[], $10::text[]) WITH ORDINALITY"
        " AS n(updated_at, id, hash, chunks, title, uri, metadata, text, place)"
        " ORDER BY n.place"
        " ON CONFLICT (tenant, collection_id, id) DO UPDATE SET"
        " content_hash = EXCLUDED.content_hash, updated_at_ms = EXCLUDED.updated_at_ms,"
        " chunk_count = EXCLUDED.chunk_count, title = EXCLUDED.title, uri = EXCLUDED.uri,"
        " metadata = EXCLUDED.metadata, text = EXCLUDED.text"
        " WHERE d.content_hash <> EXCLUDED.content_hash"
        " RETURNING id, document_key, xmax = 0",
        key_.tenant, collection_id_, std::span<const std::int64_t>(updated_at), Texts(ids),
        Texts(hashes), std::span<const std::int64_t>(chunk_counts), Texts(titles), Texts(uris),
        Texts(metadata), Texts(texts));
    auto rows = co_await session_.execute(std::move(upsert), deadline_);
    if (!rows) co_return forward_error(rows);
    note_upserted(*rows);
    co_return Result<>();
  }

  void note_upserted(const postgres::Rows& rows) {
    struct Row {
      std::int64_t key;
      bool inserted;
    };
    std::unordered_map<std::string_view, Row> upserted;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      upserted.emplace(rows.text(i, 0), Row{rows.int64(i, 1), rows.boolean(i, 2)});
    }
    for (const CheckedDocument* each : documents_) {
      const auto found = upserted.find(each->prepared.document.id);
      const bool changed = found != upserted.end();
      states_.push_back(changed ? store::WriteState::kIndexed : store::WriteState::kUnchanged);
      if (!changed) continue;
      news_.push_back({each, found->second.key});
      if (found->second.inserted) {
        ++change_.documents;
      } else {
        replaced_.push_back(found->second.key);
      }
    }
  }

  // What belonged to documents that are replaced goes; ids for what comes.
  net::Task<Result<>> replace_chunks() {
    std::int64_t chunks = 0;
    for (const NewDocument& added : news_) {
      chunks += static_cast<std::int64_t>(added.prepared().chunks.size());
    }
    std::vector<Statement> statements;
    add_delete_parts(statements, key_.tenant, collection_id_, replaced_);
    statements.emplace_back(
        "SELECT nextval('raglan.chunk_id_seq') FROM generate_series(1, $1::int8)", chunks);
    if (chunks > 0) {
      statements.emplace_back(
          "INSERT INTO raglan.segment (tenant, collection_id, chunks)"
          " VALUES ($1::text, $2::int8, $3::int8) RETURNING segment_id",
          key_.tenant, collection_id_, chunks);
    }
    if (auto fields = insert_fields()) statements.push_back(std::move(*fields));
    auto rows = co_await session_.execute_all(std::move(statements), deadline_);
    if (!rows) co_return forward_error(rows);
    change_.chunks = chunks - (*rows)[1].int64(0, 0);
    change_.terms = -(*rows)[1].int64(0, 1);
    for (std::size_t i = 0; i < (*rows)[2].size(); ++i) {
      chunk_ids_.push_back((*rows)[2].int64(i, 0));
    }
    std::ranges::sort(chunk_ids_); // others may have taken some between
    if (chunks > 0) segment_id_ = (*rows)[3].int64(0, 0);
    co_return Result<>();
  }

  // Nothing when there are none.
  std::optional<Statement> insert_fields() const {
    std::vector<std::int64_t> documents, kinds;
    std::vector<std::string> keys, numbers, strings;
    for (const NewDocument& added : news_) {
      for (const store::Field& field : added.checked->fields) {
        if (field.key.size() > kMaxFieldKeyBytes) continue;
        documents.push_back(added.key);
        keys.push_back(field.key);
        kinds.push_back(std::to_underlying(field.value.kind));
        const bool text = field.value.kind == store::FieldKind::kString;
        numbers.push_back(text ? "" : numeric_text(field.value));
        strings.push_back(text ? hex_of(std::get<std::string>(field.value.value)) : "");
      }
    }
    if (documents.empty()) return std::nullopt;
    using Texts = std::span<const std::string>;
    return Statement(
        "INSERT INTO raglan.field (tenant, collection_id, document_key, key, kind, number, string)"
        " SELECT $1::text, $2::int8, n.document, n.key, n.kind::int2,"
        " nullif(n.number, '')::numeric,"
        " CASE WHEN n.kind = 3 THEN decode(n.string, 'hex') END"
        " FROM unnest($3::int8[], $4::text[], $5::int8[], $6::text[], $7::text[])"
        " AS n(document, key, kind, number, string)",
        key_.tenant, collection_id_, std::span<const std::int64_t>(documents), Texts(keys),
        std::span<const std::int64_t>(kinds), Texts(numbers), Texts(strings));
  }

  static std::string hex_of(std::string_view bytes) {
    return to_hex({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
  }

  net::Task<Result<>> copy_rows() {
    if (chunk_ids_.empty()) co_return Result<>();
    CopyRows chunks(10);
    CopyRows vectors(5);
    std::map<Term, std::vector<Posting>> postings;
    std::size_t next = 0;
    for (const NewDocument& added : news_) {
      const std::span<const float> values = added.prepared().vectors;
      for (const Chunk& chunk : added.prepared().chunks) {
        const std::int64_t id = chunk_ids_[next++];
        const CheckedDocument::Terms& terms = added.checked->terms[chunk.ordinal];
        change_.terms += terms.length;
        for (const auto& [term, occurrences] : terms.occurrences) {
          postings[term].push_back({static_cast<std::uint64_t>(id), occurrences, terms.length});
        }
        chunks.begin_row()
            .add(key_.tenant)
            .add(collection_id_)
            .add(id)
            .add(added.key)
            .add(static_cast<std::int32_t>(chunk.ordinal))
            .add(static_cast<std::int64_t>(chunk.start))
            .add(static_cast<std::int64_t>(chunk.end))
            .add(static_cast<std::int32_t>(terms.length))
            .add(chunk.title_path)
            .add(chunk.text);
        vectors.begin_row()
            .add(key_.tenant)
            .add(collection_id_)
            .add(id)
            .add(added.key)
            .add(postgres::Vector{
                values.subspan(chunk.ordinal * space_.dimension, space_.dimension)});
      }
    }
    auto ok = co_await copy(
        "raglan.chunk (tenant, collection_id, chunk_id, document_key, ordinal, start_byte,"
        " end_byte, length_terms, title_path, text)",
        std::move(chunks));
    if (ok) {
      ok = co_await copy(
          "raglan.chunk_vector (tenant, collection_id, chunk_id, document_key, embedding)",
          std::move(vectors));
    }
    if (ok) ok = co_await copy_postings(postings);
    co_return ok;
  }

  net::Task<Result<>> copy_postings(const std::map<Term, std::vector<Posting>>& postings) {
    if (postings.empty()) co_return Result<>();
    CopyRows rows(6);
    for (const auto& [term, entries] : postings) {
      rows.begin_row()
          .add(key_.tenant)
          .add(collection_id_)
          .add(segment_id_)
          .add(static_cast<std::int64_t>(term))
          .add(static_cast<std::int32_t>(entries.size()))
          .add(encode_postings(entries));
    }
    co_return co_await copy(
        "raglan.posting (tenant, collection_id, segment_id, term, chunks, entries)",
        std::move(rows));
  }

  net::Task<Result<>> copy(std::string_view table, CopyRows rows) {
    auto copied =
        co_await session_.copy_in(fmt::format("COPY {} FROM STDIN (FORMAT binary)", table),
                                  std::move(rows).finish(), deadline_);
    if (!copied) co_return forward_error(copied);
    co_return Result<>();
  }

  Session& session_;
  const store::CollectionKey& key_;
  const store::EmbeddingSpace& space_;
  const std::span<const CheckedDocument* const> documents_;
  const std::optional<store::RecordGuard>& guard_;
  const WallTime now_;
  const Deadline deadline_;
  std::int64_t collection_id_ = 0;
  std::int64_t segment_id_ = 0;
  States states_;
  std::vector<NewDocument> news_;
  std::vector<std::int64_t> replaced_; // keys of documents
  std::vector<std::int64_t> chunk_ids_;
  CollectionChange change_;
};

} // namespace

Result<CheckedDocument> check_to_write(store::PreparedDocument document, std::size_t dimension,
                                       std::size_t max_metadata_bytes) {
  auto fields = store::check_document(document, dimension, max_metadata_bytes);
  if (!fields) return forward_error(fields);
  if (auto ok = check_characters(document, *fields); !ok) return forward_error(ok);
  CheckedDocument checked{std::move(document), std::move(*fields), {}};
  for (const Chunk& chunk : checked.prepared.chunks) checked.terms.push_back(terms_of(chunk));
  return checked;
}

net::Task<Result<std::vector<store::WriteState>>> put_documents(Session& session,
                                                                const DocumentBatch& batch,
                                                                Deadline deadline) {
  Put put(session, batch, deadline);
  co_return co_await put.run();
}

net::Task<Result<>> remove_document(Session& session, const store::CollectionKey& key,
                                    const std::string& document_id, Deadline deadline) {
  std::vector<Statement> begin;
  begin.emplace_back("BEGIN");
  begin.emplace_back( // first, as whoever writes: it cannot be deleted until the commit
      "SELECT FROM raglan.collection WHERE tenant = $1::text AND name = $2::text FOR KEY SHARE",
      key.tenant, key.name);
  begin.emplace_back(
      "SELECT d.collection_id, d.document_key FROM raglan.collection c JOIN raglan.document d"
      " USING (tenant, collection_id) WHERE c.tenant = $1::text AND c.name = $2::text"
      " AND d.id = $3::text FOR UPDATE OF d",
      key.tenant, key.name, document_id);
  auto found = co_await session.execute_all(std::move(begin), deadline);
  if (!found) co_return forward_error(found);
  if (found->back().empty()) co_return fail(ErrorCode::kNotFound, "no such document");
  const std::int64_t collection_id = found->back().int64(0, 0);
  const std::int64_t document_key = found->back().int64(0, 1);
  std::vector<Statement> remove;
  add_delete_parts(remove, key.tenant, collection_id, {&document_key, 1});
  remove.emplace_back(
      "DELETE FROM raglan.document WHERE tenant = $1::text AND collection_id = $2::int8"
      " AND document_key = $3::int8",
      key.tenant, collection_id, document_key);
  auto removed = co_await session.execute_all(std::move(remove), deadline);
  if (!removed) co_return forward_error(removed);
  std::vector<Statement> end;
  add_change(
      end, key.tenant, collection_id,
      {.documents = -1, .chunks = -(*removed)[1].int64(0, 0), .terms = -(*removed)[1].int64(0, 1)});
  end.emplace_back("COMMIT");
  auto ended = co_await session.execute_all(std::move(end), deadline);
  if (!ended) co_return forward_error(ended);
  co_return Result<>();
}

net::Task<Result<>> insert_collection(Session& session, const store::CollectionKey& key,
                                      WallTime now, Deadline deadline) {
  auto inserted = co_await session.execute(insert_if_missing(key, now), deadline);
  if (!inserted) co_return forward_error(inserted);
  if (inserted->changed() == 0) co_return fail(ErrorCode::kConflict, "the collection exists");
  co_return Result<>();
}

net::Task<Result<DroppedCollection>> drop_collection(Session& session,
                                                     const store::CollectionKey& key,
                                                     Deadline deadline) {
  std::vector<Statement> begin;
  begin.emplace_back("BEGIN");
  begin.emplace_back(
      "DELETE FROM raglan.collection WHERE tenant = $1::text AND name = $2::text"
      " RETURNING collection_id, hnsw",
      key.tenant, key.name);
  auto deleted = co_await session.execute_all(std::move(begin), deadline);
  if (!deleted) co_return forward_error(deleted);
  if (deleted->back().empty()) co_return no_such_collection();
  std::vector<Statement> end;
  for (const std::string_view table :
       {"field", "chunk_vector", "chunk", "document", "posting", "segment", "dead_chunk"}) {
    end.emplace_back(
        fmt::format("DELETE FROM raglan.{} WHERE tenant = $1::text AND collection_id = $2::int8",
                    table),
        key.tenant, deleted->back().int64(0, 0));
  }
  end.emplace_back("COMMIT");
  auto ended = co_await session.execute_all(std::move(end), deadline);
  if (!ended) co_return forward_error(ended);
  co_return DroppedCollection{deleted->back().int64(0, 0), deleted->back().boolean(0, 1)};
}

} // namespace raglan::postgres_store

#include "node/document_writer.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "base/ids.h"
#include "ingest/chunk_vectors.h"
#include "model/await_embedding.h"

namespace raglan::node {
namespace {

struct Prepared {
  store::PreparedDocument document;
  std::size_t tokens = 0; // of all that is to be embedded, where that decides how full a call is
};

// Of documents that are stored already: those that are to be written, and how they are stored.
struct Compared {
  std::vector<ingest::SourceDocument> sources; // as they were given
  std::vector<bool> unchanged;                 // they are stored as they were given
};

// Blocking: it hashes all of the texts.
Compared compare(std::vector<ingest::SourceDocument> sources, const std::vector<Hash128>& stored,
                 const ingest::ChunkerConfig& chunker, std::string_view embedder_id) {
  Compared compared;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    compared.unchanged.push_back(stored[i] ==
                                 ingest::content_hash(sources[i], chunker, embedder_id));
  }
  compared.sources = std::move(sources);
  return compared;
}

// Blocking. How full the calls of an embedder are that pads them is not the group's business.
Result<Prepared> prepare_counted(const ingest::SourceDocument& source,
                                 const ingest::ChunkerConfig& chunker,
                                 const model::Embedder& embedder, bool padded) {
  const auto count = [&](std::string_view text) { return embedder.count_tokens(text); };
  auto document = ingest::prepare_document(source, chunker, count, embedder.id());
  if (!document) return forward_error(document);
  Prepared prepared{std::move(*document)};
  if (padded) return prepared;
  for (const store::Chunk& chunk : prepared.document.chunks) {
    prepared.tokens += count(ingest::embedding_text(prepared.document.document, chunk));
  }
  return prepared;
}

} // namespace

// Copied into every piece of work, which may outlive the request.
struct DocumentWriter::Write {
  store::CollectionKey collection;
  std::optional<store::RecordGuard> guard;
  Deadline deadline;
  std::shared_ptr<const void> held;
};

// A document on its way. Once `status.state` is decided it takes no further part.
struct DocumentWriter::Item {
  DocumentStatus status;
  bool pending = true;
  ingest::SourceDocument source;
  store::PreparedDocument prepared;
  std::size_t tokens = 0; // as Prepared says

  void fail(Error error) {
    pending = false;
    status.state = DocumentState::kFailed;
    status.error = std::move(error);
  }
};

// Documents that are stored already, and how.
struct DocumentWriter::Known {
  std::vector<Item*> items;
  std::vector<Hash128> hashes;
  std::vector<std::uint32_t> chunks;

  void add(Item& item, const store::StoredVersion& version) {
    items.push_back(&item);
    hashes.push_back(version.content_hash);
    chunks.push_back(version.chunks);
  }
};

// Documents that are embedded and written together.
struct DocumentWriter::Group {
  std::vector<Item*> items;
  std::size_t chunks = 0;
  std::size_t tokens = 0;

  void add(Item& item) {
    items.push_back(&item);
    chunks += item.prepared.chunks.size();
    tokens += item.tokens;
  }
  bool is_full(const model::BatchLimits& batch) const {
    return chunks >= std::max(kChunksPerGroup, batch.texts);
  }
  // Whether the item would make a second call of what is one.
  bool has_no_room_for(const Item& item, const model::BatchLimits& batch) const {
    return chunks >= kChunksPerGroup && (chunks + item.prepared.chunks.size() > batch.texts ||
                                         tokens + item.tokens > batch.tokens);
  }
};

Error duplicate_id() {
  return {ErrorCode::kConflict, "this id occurs more than once in the request", "id"};
}

DocumentWriter::DocumentWriter(Parts parts)
    : parts_(std::move(parts)), batch_(parts_.embeddings.embedder().batch_limits()) {}

net::Task<std::vector<DocumentStatus>> DocumentWriter::write(store::CollectionKey collection,
                                                             std::vector<ParsedDocument> documents,
                                                             Options options) {
  const Write write{std::move(collection), std::move(options.guard), options.deadline,
                    std::move(options.held)};
  std::vector<Item> items(documents.size());
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < items.size(); ++i) {
    items[i].status.id = std::move(documents[i].id);
    if (!documents[i].document) {
      items[i].fail(std::move(documents[i].document.error()));
      continue;
    }
    items[i].source = std::move(*documents[i].document);
    if (items[i].source.id.empty()) items[i].source.id = make_uuid7(parts_.clock.wall_now());
    items[i].status.id = items[i].source.id;
    if (!seen.insert(items[i].status.id).second) {
      items[i].fail(duplicate_id());
    }
  }
  co_await skip_unchanged(write, items);
  Group group;
  for (Item& item : items) {
    if (item.pending) co_await prepare(write, item);
    if (!item.pending) continue;
    item.status.chunks = item.prepared.chunks.size();
    if (options.dry_run) {
      item.status.state = DocumentState::kIndexed;
      continue;
    }
    if (group.has_no_room_for(item, batch_)) {
      co_await write_group(write, group.items);
      group = Group();
    }
    group.add(item);
    if (group.is_full(batch_)) {
      co_await write_group(write, group.items);
      group = Group();
    }
  }
  if (!group.items.empty()) co_await write_group(write, group.items);
  std::vector<DocumentStatus> statuses;
  statuses.reserve(items.size());
  for (Item& item : items) statuses.push_back(std::move(item.status));
  co_return statuses;
}

// By content hash alone: an unchanged document costs no extraction.
net::Task<void> DocumentWriter::skip_unchanged(const Write& write, std::vector<Item>& items) {
  std::vector<Item*> pending;
  std::vector<std::string> ids;
  for (Item& item : items) {
    if (!item.pending) continue;
    pending.push_back(&item);
    ids.push_back(item.source.id);
  }
  if (pending.empty()) co_return;
  auto stored =
      co_await parts_.store.stored_versions(write.collection, std::move(ids), write.deadline);
  if (!stored) {
    for (Item* item : pending) item->fail(stored.error());
    co_return;
  }
  Known known;
  for (std::size_t i = 0; i < pending.size(); ++i) {
    if ((*stored)[i]) known.add(*pending[i], *(*stored)[i]);
  }
  if (!known.items.empty()) co_await skip_unchanged(write, std::move(known));
}

net::Task<void> DocumentWriter::skip_unchanged(const Write& write, Known known) {
  // The work owns what it reads: the request may be cancelled while it runs.
  std::vector<ingest::SourceDocument> sources;
  for (Item* item : known.items) sources.push_back(std::move(item->source));
  auto work = [sources = std::move(sources), hashes = std::move(known.hashes), held = write.held,
               chunker = parts_.chunker,
               &embedder = parts_.embeddings.embedder()]() mutable -> Result<Compared> {
    return compare(std::move(sources), hashes, chunker, embedder.id());
  };
  auto compared = co_await net::offload(parts_.bulk, std::move(work), write.deadline, parts_.clock);
  for (std::size_t i = 0; i < known.items.size(); ++i) {
    Item& item = *known.items[i];
    if (!compared) {
      item.fail(compared.error());
      continue;
    }
    item.source = std::move(compared->sources[i]);
    if (!compared->unchanged[i]) continue;
    item.pending = false;
    item.status.state = DocumentState::kUnchanged;
    item.status.chunks = known.chunks[i];
  }
}

net::Task<void> DocumentWriter::prepare(const Write& write, Item& item) {
  auto work = [source = std::move(item.source), held = write.held, chunker = parts_.chunker,
               &embedder = parts_.embeddings.embedder(), padded = batch_.padded] {
    return prepare_counted(source, chunker, embedder, padded);
  };
  auto prepared =
      co_await net::offload(parts_.extraction, std::move(work), write.deadline, parts_.clock);
  if (prepared) {
    item.prepared = std::move(prepared->document);
    item.tokens = prepared->tokens;
  } else {
    item.fail(std::move(prepared.error()));
  }
}

net::Task<Result<model::Embeddings>> DocumentWriter::embed(const Write& write,
                                                           std::vector<std::string> texts) {
  model::Embeddings all{.dimension = parts_.embeddings.embedder().dimension(), .values = {}};
  const std::size_t texts_at_once = std::max(kChunksPerGroup, batch_.texts);
  for (std::size_t first = 0; first < texts.size(); first += texts_at_once) {
    const std::size_t last = std::min(texts.size(), first + texts_at_once);
    const auto at = [&](std::size_t i) { return std::make_move_iterator(texts.begin() + i); };
    model::EmbeddingRequest request{.tenant = write.collection.tenant,
                                    .texts = std::vector<std::string>(at(first), at(last)),
                                    .priority = model::EmbeddingPriority::kIngest,
                                    .deadline = write.deadline,
                                    .partial = true,
                                    .ask_redis = parts_.embeddings.shares_documents()};
    auto reply =
        co_await model::await_embedding(parts_.embeddings, parts_.bulk, std::move(request));
    if (!reply) co_return forward_error(reply);
    model::Embeddings& made = reply->embeddings;
    all.values.insert(all.values.end(), made.values.begin(), made.values.end());
    for (model::Refusal& refusal : made.refused) {
      all.refused.push_back({first + refusal.row, std::move(refusal.error)});
    }
  }
  co_return all;
}

// Those that have all of their vectors; the others have failed.
std::vector<DocumentWriter::Item*> DocumentWriter::take_vectors(std::span<Item*> group,
                                                                model::Embeddings made) {
  std::vector<Item*> embedded;
  std::size_t row = 0;
  auto refusal = made.refused.begin();
  for (Item* item : group) {
    const std::size_t first = row;
    row += item->prepared.chunks.size();
    bool refused = false;
    for (; refusal != made.refused.end() && refusal->row < row; ++refusal) {
      if (!std::exchange(refused, true)) item->fail(std::move(refusal->error));
    }
    if (refused) continue;
    const std::span<const float> values = made.values;
    ingest::attach_vectors(item->prepared,
                           values.subspan(first * made.dimension, (row - first) * made.dimension));
    embedded.push_back(item);
  }
  return embedded;
}

net::Task<void> DocumentWriter::write_group(const Write& write, std::span<Item*> group) {
  std::vector<std::string> texts;
  for (const Item* item : group) {
    for (const store::Chunk& chunk : item->prepared.chunks) {
      texts.push_back(ingest::embedding_text(item->prepared.document, chunk));
    }
  }
  auto made = co_await embed(write, std::move(texts));
  if (!made) {
    for (Item* item : group) item->fail(made.error());
    co_return;
  }
  const std::vector<Item*> embedded = take_vectors(group, std::move(*made));
  if (embedded.empty()) co_return;
  std::vector<store::PreparedDocument> documents;
  documents.reserve(embedded.size());
  for (Item* item : embedded) documents.push_back(std::move(item->prepared));
  auto states = co_await parts_.store.put_many(write.collection, std::move(documents), write.guard,
                                               write.deadline);
  for (std::size_t i = 0; i < embedded.size(); ++i) {
    Item& item = *embedded[i];
    item.pending = false;
    if (!states) {
      item.fail(states.error());
    } else if (!(*states)[i]) {
      item.fail((*states)[i].error());
    } else {
      item.status.state = *(*states)[i] == store::WriteState::kUnchanged ? DocumentState::kUnchanged
                                                                         : DocumentState::kIndexed;
    }
  }
}

} // namespace raglan::node

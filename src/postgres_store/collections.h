// The rows of raglan.collection.
//
// Thread safety: that of the session.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "postgres/client.h"
#include "store/embedding_space.h"
#include "store/types.h"

namespace raglan::postgres_store {

struct CollectionRow {
  std::int64_t id = 0;
  store::CollectionStats stats; // without an epoch
  store::EmbeddingSpace space;  // dimension 0: it holds no vectors
  std::uint64_t terms = 0;      // of all chunks
  bool hnsw = false;            // its vectors have an index
};

// The statements that ask for a collection and for all of a tenant's, in the order of their names.
postgres::Statement select_collection(const store::CollectionKey& key);
postgres::Statement select_collections(const std::string& tenant);
// What came of them. kNotFound when there is no row.
Result<CollectionRow> read_collection(const postgres::Rows& rows);
CollectionRow read_collection(const postgres::Rows& rows, std::size_t row);

std::unexpected<Error> no_such_collection();

// What a write changes of a collection's counters, with which it gets a new generation.
struct CollectionChange {
  std::int64_t documents = 0;
  std::int64_t chunks = 0;
  std::int64_t terms = 0;
};
// The two statements that end a write: the first locks the row, so that generations ascend in the
// order of commits. COMMIT must follow at once.
void add_change(std::vector<postgres::Statement>& statements, const std::string& tenant,
                std::int64_t collection_id, const CollectionChange& change);

} // namespace raglan::postgres_store

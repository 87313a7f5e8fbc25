// The tables, their versions, and how a database gets them.
//
// All stand in the schema `raglan`. Every one is led by the tenant, in its primary key too, so that
// Citus and its like can spread them by it.
//
//   collection    a row each, with its counters and its generation; locked, at the end of each
//   write,
//                 until the write is committed
//   document      the text and metadata        chunk         its passages
//   chunk_vector  their vectors, in rows that are no longer than need be: they are read one by one
//                 where there is no index
//   field         the metadata as filters compare it (store/metadata.h)
//   segment       what one write added to the lexical index; later, several of them merged
//   posting       which chunks of a segment hold a term (postings.h)
//   dead_chunk    chunks that are gone and still in postings
//   record        what is shared beside the documents (store/records.h)
//
// There are no foreign keys: whoever deletes, deletes what belongs to it, and a collection that is
// written to is locked against its deletion. Their checks would be a statement for each row of a
// COPY, planned once in a connection, while the tables are empty: a scan of all of them from then
// on (seen: seconds for a thousand rows).
//
// A node that starts brings the schema to its own version. N nodes may start at once: an advisory
// lock, of the transaction, because behind PgBouncer a session belongs to nobody.
//
// Errors: kConflict (the schema is newer than this program, the database is not in UTF-8, pgvector
// is missing or too old), and those of postgres/client.h.
#pragma once

#include <cstdint>

#include "postgres/client.h"

namespace raglan::postgres_store {

// The store's random epoch (store::Generation), made with the schema.
net::Task<Result<std::uint64_t>> prepare_schema(postgres::Client& client, Deadline deadline);

} // namespace raglan::postgres_store

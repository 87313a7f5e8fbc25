// Which documents a metadata filter admits, as SQL.
//
// The condition is on the rows of raglan.chunk_vector, over raglan.field; keys and values are
// parameters. What it means is what the embedded store's filter means (store/filter_query.h).
//
// Thread safety: pure functions.
#pragma once

#include <string>

#include "base/result.h"
#include "postgres/statement.h"
#include "store/metadata.h"
#include "store/types.h"

namespace raglan::postgres_store {

// "(true AND EXISTS (…) AND …)". Its parameters are added to `statement`, whose $1 and $2 must be
// the tenant and the collection. kInvalidField when a value is no JSON scalar, or a comparison has
// not exactly one.
Result<std::string> filter_sql(const store::Filter& filter, postgres::Statement& statement);

// A number as PostgreSQL's numeric reads it: exact for whole ones, and different for different
// ones.
std::string numeric_text(const store::FieldValue& value);

} // namespace raglan::postgres_store

// The claims that are measured so far, one file each.
//
// Thread safe.
#pragma once

#include <vector>

#include "loadtest/claim.h"

namespace raglan::loadtest {

Claim query_cache_latency();
Claim query_cache_generated();
Claim query_cache_zipf();
Claim query_cache_node();
Claim embedding_cache_questions();
Claim embedding_cache_ingest();
Claim retrieval_cache();
Claim coalescing_one_node();
Claim coalescing_two_nodes();
Claim local_batching();
Claim local_batching_clients();
Claim remote_ingest_calls();
Claim remote_ingest_throughput();
Claim remote_clients_calls();
Claim remote_clients_throughput();
Claim hot_key_latency();
Claim hot_key_recomputations();
Claim question_during_ingest();
Claim similar_questions();
Claim generation_breaker();
Claim generation_skip();
Claim generation_cancel();
Claim generation_hedge();
Claim throttled_burst();
Claim rate_limit_nodes();
Claim overload_goodput_3x();
Claim overload_goodput_10x();
Claim overload_latency();
Claim overload_vip();
Claim overload_health();
Claim overload_recovery();
Claim overload_calls();

// In the order they are shown.
std::vector<Claim> all_claims();

} // namespace raglan::loadtest

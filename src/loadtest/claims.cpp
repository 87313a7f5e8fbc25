#include "loadtest/claims.h"

namespace raglan::loadtest {

std::vector<Claim> all_claims() {
  return {query_cache_latency(),
          query_cache_generated(),
          query_cache_zipf(),
          query_cache_node(),
          embedding_cache_questions(),
          embedding_cache_ingest(),
          retrieval_cache(),
          coalescing_one_node(),
          coalescing_two_nodes(),
          local_batching(),
          local_batching_clients(),
          remote_ingest_calls(),
          remote_ingest_throughput(),
          remote_clients_calls(),
          remote_clients_throughput(),
          hot_key_latency(),
          hot_key_recomputations(),
          question_during_ingest(),
          similar_questions(),
          generation_breaker(),
          generation_skip(),
          generation_cancel(),
          generation_hedge(),
          throttled_burst(),
          rate_limit_nodes(),
          overload_goodput_3x(),
          overload_goodput_10x(),
          overload_latency(),
          overload_vip(),
          overload_health(),
          overload_recovery(),
          overload_calls()};
}

} // namespace raglan::loadtest

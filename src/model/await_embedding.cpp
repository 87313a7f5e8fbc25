#include "model/await_embedding.h"

#include <algorithm>
#include <memory>
#include <unordered_map>
#include <utility>

#include "model/await_queue.h"
#include "net/detach.h"

namespace raglan::model {
namespace {

// A null vector: not known yet.
using TextOutcomes = std::vector<TextOutcome>;

constexpr std::size_t kLookupBytes = 32; // a look-up takes as long as hashing so many bytes

std::vector<std::size_t> absent(const TextOutcomes& outcomes) {
  std::vector<std::size_t> rows;
  for (std::size_t row = 0; row < outcomes.size(); ++row) {
    if (outcomes[row] && !*outcomes[row]) rows.push_back(row);
  }
  return rows;
}

std::vector<Hash128> pick(const std::vector<Hash128>& keys, std::span<const std::size_t> rows) {
  std::vector<Hash128> picked;
  picked.reserve(rows.size());
  for (const std::size_t row : rows) picked.push_back(keys[row]);
  return picked;
}

// A request, and what is known of its vectors. A flight shares it and may outlive the request.
class Lookup {
 public:
  Lookup(EmbeddingCache& cache, EmbeddingRequest request)
      : cache_(cache), request_(std::move(request)) {}

  std::size_t hashed_bytes() const {
    std::size_t bytes = 0;
    for (const std::string& text : request_.texts) bytes += text.size() + kLookupBytes;
    return bytes;
  }
  const EmbeddingRequest& request() const { return request_; }
  std::vector<Hash128> missing_keys() const { return pick(keys_, missing_); }

  void find_in_memory();
  // What becomes of some of the missing keys, from wherever it comes; a flight's work. `executor`
  // by value: it may outlive the request's.
  static net::Task<Result<TextOutcomes>> fetch(std::shared_ptr<Lookup> lookup, net::Submit executor,
                                               std::vector<std::size_t> positions);
  // Of all missing keys.
  void take(TextOutcomes found);
  EmbeddingReply reply();

 private:
  bool uses_redis() const { return request_.ask_redis && cache_.shares_vectors(); }
  net::Task<Result<>> read_shelf(const std::vector<Hash128>& keys, TextOutcomes& outcomes);
  net::Task<void> read_shared(const std::vector<Hash128>& keys, TextOutcomes& outcomes);
  net::Task<Result<>> embed(const net::Submit& executor, std::span<const std::size_t> rows,
                            TextOutcomes& outcomes);
  // Keeps what was made of the texts `wanted`, whose keys these are; on `loop`, for all nodes.
  void keep(const boost::asio::any_io_executor& loop, Embeddings made, Duration took,
            std::span<const std::size_t> wanted, std::span<const Hash128> keys,
            TextOutcomes& outcomes);

  EmbeddingCache& cache_;
  EmbeddingRequest request_;
  std::vector<std::size_t> row_of_; // of each text, in the next three
  std::vector<std::size_t> texts_;  // the first of its key
  std::vector<Hash128> keys_;       // distinct
  TextOutcomes outcomes_;
  std::vector<std::size_t> missing_; // rows
  std::size_t computed_texts_ = 0;
  std::size_t computed_tokens_ = 0;
  bool redis_failed_ = false;
};

void Lookup::find_in_memory() {
  std::unordered_map<Hash128, std::size_t> rows;
  for (std::size_t text = 0; text < request_.texts.size(); ++text) {
    const Hash128 key = cache_.key(request_.tenant, request_.texts[text]);
    const bool alone = request_.texts.size() == 1;
    const std::size_t row = alone ? 0 : rows.try_emplace(key, keys_.size()).first->second;
    row_of_.push_back(row);
    if (row < keys_.size()) continue;
    texts_.push_back(text);
    keys_.push_back(key);
    outcomes_.emplace_back(cache_.find(key));
  }
  missing_ = absent(outcomes_);
}

net::Task<Result<TextOutcomes>> Lookup::fetch(std::shared_ptr<Lookup> lookup, net::Submit executor,
                                              std::vector<std::size_t> positions) {
  std::vector<std::size_t> rows;
  rows.reserve(positions.size());
  for (const std::size_t position : positions) rows.push_back(lookup->missing_[position]);
  const std::vector<Hash128> keys = pick(lookup->keys_, rows);
  TextOutcomes outcomes;
  // Again: another request's may have landed since.
  for (const Hash128& key : keys) outcomes.emplace_back(lookup->cache_.find(key));
  if (auto ok = co_await lookup->read_shelf(keys, outcomes); !ok) co_return forward_error(ok);
  co_await lookup->read_shared(keys, outcomes);
  if (auto ok = co_await lookup->embed(executor, rows, outcomes); !ok) co_return forward_error(ok);
  co_return outcomes;
}

net::Task<Result<>> Lookup::read_shelf(const std::vector<Hash128>& keys, TextOutcomes& outcomes) {
  const std::vector<std::size_t> wanted = absent(outcomes);
  if (wanted.empty() || !cache_.has_shelf()) co_return Result<>();
  auto read = [&cache = cache_, tenant = request_.tenant,
               keys = pick(keys, wanted)]() -> Result<std::vector<TextVectorPtr>> {
    return cache.find_on_shelf(tenant, keys);
  };
  const Deadline patience = request_.deadline.capped(kShelfPatience, cache_.clock().now());
  auto found =
      co_await net::offload(cache_.read_shelf(), std::move(read), patience, cache_.clock());
  if (!found && found.error().code == ErrorCode::kClientClosed) co_return forward_error(found);
  for (std::size_t i = 0; found && i < wanted.size(); ++i) outcomes[wanted[i]] = (*found)[i];
  co_return Result<>();
}

net::Task<void> Lookup::read_shared(const std::vector<Hash128>& keys, TextOutcomes& outcomes) {
  const std::vector<std::size_t> wanted = absent(outcomes);
  if (wanted.empty() || !uses_redis()) co_return;
  const auto found = co_await cache_.find_shared(request_.tenant, pick(keys, wanted),
                                                 request_.deadline, redis_failed_);
  for (std::size_t i = 0; i < wanted.size(); ++i) outcomes[wanted[i]] = found[i];
}

net::Task<Result<>> Lookup::embed(const net::Submit& executor, std::span<const std::size_t> rows,
                                  TextOutcomes& outcomes) {
  const std::vector<std::size_t> wanted = absent(outcomes);
  if (wanted.empty()) co_return Result<>();
  cache_.count_misses(wanted.size());
  std::vector<std::string> texts;
  std::vector<Hash128> keys;
  for (const std::size_t i : wanted) {
    texts.push_back(std::move(request_.texts[texts_[rows[i]]])); // a row is fetched here once
    keys.push_back(keys_[rows[i]]);
  }
  const MonotonicTime begun = cache_.clock().now();
  auto made = co_await await_queue(cache_.queue(), executor, std::move(texts), request_.priority,
                                   request_.deadline, cache_.clock());
  if (!made) co_return forward_error(made);
  const Duration took = cache_.clock().now() - begun;
  const auto loop = co_await boost::asio::this_coro::executor;
  keep(loop, std::move(*made), took, wanted, keys, outcomes);
  co_return Result<>();
}

void Lookup::keep(const boost::asio::any_io_executor& loop, Embeddings made, Duration took,
                  std::span<const std::size_t> wanted, std::span<const Hash128> keys,
                  TextOutcomes& outcomes) {
  std::vector<Hash128> computed_keys;
  std::vector<TextVectorPtr> computed;
  auto refusal = made.refused.begin();
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (refusal != made.refused.end() && refusal->row == i) {
      outcomes[wanted[i]] = std::unexpected(std::move(refusal->error));
      ++refusal;
      continue;
    }
    auto vector = std::make_shared<TextVector>();
    const auto first = made.values.begin() + static_cast<std::ptrdiff_t>(i * made.dimension);
    vector->values.assign(first, first + static_cast<std::ptrdiff_t>(made.dimension));
    vector->tokens = made.row_tokens[i];
    computed_keys.push_back(keys[i]);
    computed.emplace_back(std::move(vector));
    outcomes[wanted[i]] = computed.back();
  }
  computed_texts_ += computed.size();
  computed_tokens_ += made.tokens;
  if (computed.empty()) return;
  const Duration cost = took / static_cast<Duration::rep>(computed.size());
  cache_.insert(request_.tenant, computed_keys, computed, cost);
  if (!uses_redis() || redis_failed_) return;
  net::detach(loop,
              cache_.share(request_.tenant, std::move(computed_keys), std::move(computed), cost));
}

void Lookup::take(TextOutcomes found) {
  for (std::size_t i = 0; i < missing_.size(); ++i) outcomes_[missing_[i]] = std::move(found[i]);
}

EmbeddingReply Lookup::reply() {
  EmbeddingReply reply{.computed_texts = computed_texts_,
                       .computed_tokens = computed_tokens_,
                       .redis_failed = redis_failed_};
  Embeddings& embeddings = reply.embeddings;
  embeddings.dimension = cache_.embedder().dimension();
  embeddings.values.reserve(row_of_.size() * embeddings.dimension);
  embeddings.row_tokens.reserve(row_of_.size());
  for (std::size_t text = 0; text < row_of_.size(); ++text) {
    const TextOutcome& outcome = outcomes_[row_of_[text]];
    if (!outcome) {
      embeddings.refused.push_back({text, outcome.error()});
      embeddings.values.resize(embeddings.values.size() + embeddings.dimension);
      embeddings.row_tokens.push_back(0);
      continue;
    }
    const TextVector& vector = **outcome;
    embeddings.values.insert(embeddings.values.end(), vector.values.begin(), vector.values.end());
    embeddings.row_tokens.push_back(vector.tokens);
    embeddings.tokens += vector.tokens;
  }
  cache_.count_saved(embeddings.tokens - computed_tokens_,
                     computed_texts_ == 0 && !row_of_.empty());
  return reply;
}

net::Task<Result<EmbeddingReply>> embed_all(EmbeddingCache& cache, const net::Submit& executor,
                                            EmbeddingRequest request) {
  auto made = co_await await_queue(cache.queue(), executor, std::move(request.texts),
                                   request.priority, request.deadline, cache.clock());
  if (!made) co_return forward_error(made);
  const std::size_t texts = made->rows() - made->refused.size();
  const std::size_t tokens = made->tokens;
  co_return EmbeddingReply{std::move(*made), texts, tokens};
}

Result<EmbeddingReply> whole_or_refused(EmbeddingReply reply) {
  auto& refused = reply.embeddings.refused;
  if (!refused.empty()) return std::unexpected(std::move(refused.front().error));
  return reply;
}

// A question does not join what ingest began.
int urgency_of(EmbeddingPriority priority) { return priority == EmbeddingPriority::kQuery ? 1 : 0; }

net::Task<Result<EmbeddingReply>> find_or_embed(EmbeddingCache& cache, const net::Submit& executor,
                                                EmbeddingRequest request) {
  const auto lookup = std::make_shared<Lookup>(cache, std::move(request));
  const Deadline deadline = lookup->request().deadline;
  if (lookup->hashed_bytes() <= kMaxHashedInPlaceBytes) {
    lookup->find_in_memory();
  } else {
    auto find = [lookup]() -> Result<> {
      lookup->find_in_memory();
      return {};
    };
    auto ok = co_await net::offload(executor, std::move(find), deadline, cache.clock());
    if (!ok) co_return forward_error(ok);
  }
  std::vector<Hash128> missing = lookup->missing_keys();
  if (!missing.empty()) {
    auto start = [lookup, executor](std::vector<std::size_t> positions) {
      return Lookup::fetch(lookup, executor, std::move(positions));
    };
    std::size_t joined = 0;
    auto found =
        co_await cache.flights().run(std::move(missing), urgency_of(lookup->request().priority),
                                     std::move(start), deadline, cache.clock(), joined);
    if (!found) co_return forward_error(found);
    cache.count_misses(joined);
    cache.count_coalesced(joined);
    lookup->take(std::move(*found));
  }
  co_return lookup->reply();
}

} // namespace

net::Task<Result<EmbeddingReply>> await_embedding(EmbeddingCache& cache,
                                                  const net::Submit& executor,
                                                  EmbeddingRequest request) {
  const bool partial = request.partial;
  auto reply = request.bypass ? co_await embed_all(cache, executor, std::move(request))
                              : co_await find_or_embed(cache, executor, std::move(request));
  if (!reply || partial) co_return reply;
  co_return whole_or_refused(std::move(*reply));
}

} // namespace raglan::model

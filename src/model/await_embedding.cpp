#include "model/await_embedding.h"

#include <algorithm>
#include <memory>
#include <unordered_map>
#include <utility>

#include "model/await_queue.h"

namespace raglan::model {
namespace {

using TextVectors = std::vector<TextVectorPtr>;

constexpr std::size_t kLookupBytes = 32; // a look-up takes as long as hashing so many bytes

std::vector<std::size_t> absent(const TextVectors& vectors) {
  std::vector<std::size_t> rows;
  for (std::size_t row = 0; row < vectors.size(); ++row) {
    if (!vectors[row]) rows.push_back(row);
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
  // The vectors of some of the missing keys, from wherever they come; a flight's work. `executor`
  // by value: it may outlive the request's.
  static net::Task<Result<TextVectors>> fetch(std::shared_ptr<Lookup> lookup, net::Submit executor,
                                              std::vector<std::size_t> positions);
  // Of all missing keys.
  void take(TextVectors found);
  EmbeddingReply reply();

 private:
  net::Task<Result<>> read_shelf(const std::vector<Hash128>& keys, TextVectors& vectors);
  net::Task<Result<>> embed(const net::Submit& executor, std::span<const std::size_t> rows,
                            TextVectors& vectors);

  EmbeddingCache& cache_;
  EmbeddingRequest request_;
  std::vector<std::size_t> row_of_; // of each text, in the next three
  std::vector<std::size_t> texts_;  // the first of its key
  std::vector<Hash128> keys_;       // distinct
  TextVectors vectors_;
  std::vector<std::size_t> missing_; // rows
  std::size_t computed_texts_ = 0;
  std::size_t computed_tokens_ = 0;
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
    vectors_.push_back(cache_.find(key));
  }
  missing_ = absent(vectors_);
}

net::Task<Result<TextVectors>> Lookup::fetch(std::shared_ptr<Lookup> lookup, net::Submit executor,
                                             std::vector<std::size_t> positions) {
  std::vector<std::size_t> rows;
  for (const std::size_t position : positions) rows.push_back(lookup->missing_[position]);
  const std::vector<Hash128> keys = pick(lookup->keys_, rows);
  TextVectors vectors;
  // Again: another request's may have landed since.
  for (const Hash128& key : keys) vectors.push_back(lookup->cache_.find(key));
  if (auto ok = co_await lookup->read_shelf(keys, vectors); !ok) co_return forward_error(ok);
  if (auto ok = co_await lookup->embed(executor, rows, vectors); !ok) co_return forward_error(ok);
  co_return vectors;
}

net::Task<Result<>> Lookup::read_shelf(const std::vector<Hash128>& keys, TextVectors& vectors) {
  const std::vector<std::size_t> wanted = absent(vectors);
  if (wanted.empty() || !cache_.has_shelf()) co_return Result<>();
  auto read = [&cache = cache_, tenant = request_.tenant,
               keys = pick(keys, wanted)]() -> Result<TextVectors> {
    return cache.find_on_shelf(tenant, keys);
  };
  const Deadline patience = request_.deadline.capped(kShelfPatience, cache_.clock().now());
  auto found =
      co_await net::offload(cache_.read_shelf(), std::move(read), patience, cache_.clock());
  if (!found && found.error().code == ErrorCode::kClientClosed) co_return forward_error(found);
  for (std::size_t i = 0; found && i < wanted.size(); ++i) vectors[wanted[i]] = (*found)[i];
  co_return Result<>();
}

net::Task<Result<>> Lookup::embed(const net::Submit& executor, std::span<const std::size_t> rows,
                                  TextVectors& vectors) {
  const std::vector<std::size_t> wanted = absent(vectors);
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
  TextVectors computed;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    auto vector = std::make_shared<TextVector>();
    const auto first = made->values.begin() + static_cast<std::ptrdiff_t>(i * made->dimension);
    vector->values.assign(first, first + static_cast<std::ptrdiff_t>(made->dimension));
    vector->tokens = made->row_tokens[i];
    computed.push_back(vectors[wanted[i]] = std::move(vector));
  }
  cache_.insert(request_.tenant, keys, computed, took / static_cast<Duration::rep>(wanted.size()));
  computed_texts_ += wanted.size();
  computed_tokens_ += made->tokens;
  co_return Result<>();
}

void Lookup::take(TextVectors found) {
  for (std::size_t i = 0; i < missing_.size(); ++i) vectors_[missing_[i]] = std::move(found[i]);
}

EmbeddingReply Lookup::reply() {
  EmbeddingReply reply{.computed_texts = computed_texts_, .computed_tokens = computed_tokens_};
  Embeddings& embeddings = reply.embeddings;
  embeddings.dimension = cache_.embedder().dimension();
  embeddings.values.reserve(row_of_.size() * embeddings.dimension);
  embeddings.row_tokens.reserve(row_of_.size());
  for (const std::size_t row : row_of_) {
    const TextVector& vector = *vectors_[row];
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
  const std::size_t texts = request.texts.size();
  auto made = co_await await_queue(cache.queue(), executor, std::move(request.texts),
                                   request.priority, request.deadline, cache.clock());
  if (!made) co_return forward_error(made);
  const std::size_t tokens = made->tokens;
  co_return EmbeddingReply{std::move(*made), texts, tokens};
}

// A question does not join what ingest began.
int urgency_of(EmbeddingPriority priority) { return priority == EmbeddingPriority::kQuery ? 1 : 0; }

} // namespace

net::Task<Result<EmbeddingReply>> await_embedding(EmbeddingCache& cache,
                                                  const net::Submit& executor,
                                                  EmbeddingRequest request) {
  if (request.bypass) co_return co_await embed_all(cache, executor, std::move(request));
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

} // namespace raglan::model

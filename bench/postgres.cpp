// The C++ side of bench/postgres.py and bench/replicas.py: a store in PostgreSQL, and one command a
// line. Every command answers with one line of JSON.
//
//   postgres_bench FOLDER URL [REPLICA_URL…]   reads what search_corpus.h names there; commands:
//     ingest            the chunks as documents of kChunksPerDocument, each call durable
//     index             waits until the vectors have their index
//     rotation 0        waits until all replicas are in rotation
//     parallel N        N searches, kParallel at a time: seconds, how many the replicas answered,
//                       processor time of this process
//     hybrid N          N searches, question after question: milliseconds of each
//     cpu N             processor time of this process for N searches; for the same statements over
//                       plain libpq, one after the other, with the same scoring; and for those
//                       statements alone, their rows read and dropped
//     recall            of 10, dense, against exact search
//     connect N         N times a connection opened for one small query; then N times that query
//                       on a connection of the pool: microseconds of each
//     bulk N            the same N documents looked up one by one and at once
#include <libpq-fe.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <set>
#include <thread>

#include "net/detach.h"
#include "net/event_loops.h"
#include "postgres_store/collections.h"
#include "postgres_store/document_reads.h"
#include "postgres_store/postgres_store.h"
#include "postgres_store/question_postings.h"
#include "runtime/executor.h"
#include "search_corpus.h"

namespace raglan::bench {
namespace {

using postgres_store::PostgresStore;
using store::Candidate;

constexpr std::size_t kDocumentsPerCall = 64;
constexpr std::uint32_t kCandidates = 100;
constexpr std::size_t kPassages = 10;
constexpr std::size_t kRecallOf = 10;
constexpr std::size_t kParallel = 16;
constexpr std::size_t kSegments = 2; // of a search's statements

double processor_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

std::string quantiles(std::vector<double> taken, std::string_view unit) {
  std::ranges::sort(taken);
  return fmt::format(R"({{"p50_{0}":{1},"p99_{0}":{2},"max_{0}":{3}}})", unit,
                     taken[taken.size() / 2], taken[taken.size() * 99 / 100], taken.back());
}

// The statements of a search, sent one after the other by libpq's blocking calls.
class PlainLibpq {
 public:
  explicit PlainLibpq(const std::string& url) : connection_(PQconnectdb(url.c_str()), &PQfinish) {
    if (PQstatus(connection_.get()) != CONNECTION_OK) give_up(PQerrorMessage(connection_.get()));
  }

  postgres::Rows ask(const postgres::Statement& statement) {
    std::vector<const char*> values;
    std::vector<int> lengths;
    for (std::size_t i = 0; i < statement.size(); ++i) {
      values.push_back(statement.value(i));
      lengths.push_back(statement.length(i));
    }
    const std::vector<int> formats(statement.size(), 1);
    PGresult* result =
        PQexecParams(connection_.get(), statement.sql().c_str(), static_cast<int>(values.size()),
                     nullptr, values.data(), lengths.data(), formats.data(), 1);
    const auto status = PQresultStatus(result);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
      give_up(PQerrorMessage(connection_.get()));
    }
    for (int row = 0; row < PQntuples(result); ++row) read_ += PQgetlength(result, row, 0);
    return postgres::Rows(result);
  }

 private:
  std::unique_ptr<PGconn, void (*)(PGconn*)> connection_;
  std::int64_t read_ = 0;
};

class Bench {
 public:
  Bench(const std::filesystem::path& folder, std::string url,
        const std::vector<std::string>& replica_urls)
      : corpus_(folder), url_(std::move(url)) {
    loops_.start();
    std::vector<postgres_store::Replicas::Given> replicas;
    for (const std::string& replica : replica_urls) replicas.push_back({target(replica), {}, {}});
    auto submit = [this](std::function<void()> work) {
      return executor_.try_submit(std::move(work));
    };
    store_ = require(
        net::run_on(loops_.executor(0), PostgresStore::open({"bench", kDimension}, {}, target(url_),
                                                            {.search = submit,
                                                             .storage = submit,
                                                             .max_metadata_bytes = 65'536,
                                                             .loop = loops_.executor(0),
                                                             .replicas = std::move(replicas)},
                                                            {}, Deadline())));
    store_->begin_upkeep();
  }
  ~Bench() {
    loops_.stop();
    resolver_.stop();
    executor_.stop();
  }

  std::string run(const std::string& command, std::size_t count) {
    if (command == "ingest") return ingest();
    if (command == "index") return wait_for_index();
    if (command == "rotation") return wait_for_rotation();
    if (command == "parallel") return parallel(count);
    if (command == "hybrid") return hybrid(count);
    if (command == "cpu") return processor_time(count);
    if (command == "recall") return recall();
    if (command == "connect") return connections(count);
    if (command == "bulk") return bulk(count);
    give_up("unknown command " + command);
  }

 private:
  postgres::Target target(const std::string& url) {
    auto submit = [this](std::function<void()> work) { executor_.try_submit(std::move(work)); };
    return {require(postgres::parse_url(url)), resolver_, SystemClock::instance(), submit};
  }

  template <typename T>
  T wait(net::Task<T> task) {
    return net::run_on(loops_.executor(0), std::move(task));
  }

  std::string ingest() {
    double taken = 0;
    std::size_t documents = 0;
    std::vector<store::PreparedDocument> call;
    for (std::size_t i = 0; i < corpus_.lines.size(); i += kChunksPerDocument) {
      call.push_back(corpus_.document(documents++, i));
      if (call.size() < kDocumentsPerCall && i + kChunksPerDocument < corpus_.lines.size())
        continue;
      taken += seconds([&] {
        for (auto& state : require(
                 wait(store_->put_many({}, std::exchange(call, {}), std::nullopt, Deadline())))) {
          require(std::move(state));
        }
      });
    }
    return fmt::format(R"({{"documents":{},"chunks":{},"seconds":{}}})", documents,
                       corpus_.lines.size(), taken);
  }

  postgres::Rows ask(std::string sql) {
    auto run = [](Bench& bench, std::string text) -> net::Task<Result<postgres::Rows>> {
      const postgres::Target to = bench.target(bench.url_);
      auto connection = co_await postgres::Connection::open(to, Deadline());
      if (!connection) co_return forward_error(connection);
      co_return co_await (*connection)->execute(postgres::Statement(text), Deadline());
    };
    return require(wait(run(*this, std::move(sql))));
  }

  std::string wait_for_index() {
    const double taken = seconds([&] {
      while (!ask("SELECT hnsw FROM raglan.collection").boolean(0, 0)) {
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
      }
    });
    const auto sizes = ask(
        "SELECT pg_total_relation_size('raglan.posting'), pg_total_relation_size('raglan.chunk'),"
        " pg_table_size('raglan.chunk_vector'), pg_indexes_size('raglan.chunk_vector'),"
        " (SELECT count(*) FROM raglan.segment)");
    return fmt::format(
        R"({{"seconds":{},"posting_mb":{},"chunk_mb":{},"vector_mb":{},"vector_index_mb":{},)"
        R"("segments":{}}})",
        taken, sizes.int64(0, 0) >> 20, sizes.int64(0, 1) >> 20, sizes.int64(0, 2) >> 20,
        sizes.int64(0, 3) >> 20, sizes.int64(0, 4));
  }

  net::Task<Result<store::Found>> searching(std::size_t question,
                                            store::SearchRequest request = {}) {
    request.candidates = kCandidates;
    const auto choose = [](const store::SearchResult& found) {
      std::vector<std::uint64_t> ids;
      for (const Candidate& candidate : found.candidates) {
        if (ids.size() < kPassages) ids.push_back(candidate.chunk_id);
      }
      return ids;
    };
    return store_->search(corpus_.question(question, std::move(request)), choose, Deadline());
  }
  // One after the other on the loop, as a node's requests are.
  net::Task<void> searches(std::size_t first, std::size_t count) {
    for (std::size_t i = first; i < first + count; ++i) {
      require(co_await searching(i % corpus_.questions.size()));
    }
  }
  store::Found search(std::size_t question, store::SearchRequest request = {}) {
    return require(wait(searching(question, std::move(request))));
  }

  std::string wait_for_rotation() {
    const postgres_store::Replicas& replicas = store_->replicas();
    for (std::size_t i = 0; i < replicas.size(); ++i) {
      while (replicas.status(i).state != policy::ReplicaState::kServing) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
      }
    }
    return fmt::format(R"({{"replicas":{}}})", replicas.size());
  }

  std::uint64_t served() const {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < store_->replicas().size(); ++i) {
      sum += store_->replicas().status(i).served;
    }
    return sum;
  }

  std::string parallel(std::size_t count) {
    std::atomic<std::size_t> next = 0;
    const auto work = [](Bench& bench, std::atomic<std::size_t>& of,
                         std::size_t most) -> net::Task<void> {
      for (std::size_t i = of++; i < most; i = of++) {
        require(co_await bench.searching(i % bench.corpus_.questions.size()));
      }
    };
    const std::uint64_t served_before = served();
    const double processor_before = processor_seconds();
    const double taken = seconds([&] {
      std::vector<std::future<void>> workers;
      for (std::size_t i = 0; i < kParallel; ++i) {
        workers.push_back(boost::asio::co_spawn(loops_.executor(0), work(*this, next, count),
                                                boost::asio::use_future));
      }
      for (auto& worker : workers) worker.get();
    });
    return fmt::format(R"({{"seconds":{},"served":{},"client_cpu_s":{}}})", taken,
                       served() - served_before, processor_seconds() - processor_before);
  }

  std::string hybrid(std::size_t count) {
    std::vector<double> taken;
    for (std::size_t i = 0; i < count; ++i) {
      taken.push_back(1000 * seconds([&] { search(i % corpus_.questions.size()); }));
    }
    return quantiles(std::move(taken), "ms");
  }

  // In turns, so that all have the same weather.
  std::string processor_time(std::size_t count) {
    PlainLibpq plain(url_);
    collection_ =
        require(postgres_store::read_collection(plain.ask(postgres_store::select_collection({}))));
    std::vector<std::vector<postgres::Statement>> statements;
    for (std::size_t i = 0; i < corpus_.questions.size(); ++i) {
      statements.push_back(of_search(i));
      score(plain, i, plain.ask(postgres_store::select_segments({}))); // warms up
    }
    constexpr std::size_t kTurn = 50;
    double ours = 0;
    double scored = 0;
    double alone = 0;
    const auto spent = [](auto&& work) {
      const double begun = processor_seconds();
      work();
      return processor_seconds() - begun;
    };
    for (std::size_t i = 0; i < count; i += kTurn) {
      ours += spent([&] { wait(searches(i, kTurn)); });
      for (const bool with_scoring : {true, false}) {
        (with_scoring ? scored : alone) += spent([&] {
          for (std::size_t j = i; j < i + kTurn; ++j) {
            const std::size_t question = j % statements.size();
            for (const auto& statement : statements[question]) {
              const postgres::Rows rows = plain.ask(statement);
              if (with_scoring && &statement == &statements[question][kSegments]) {
                score(plain, question, rows);
              }
            }
          }
        });
      }
    }
    const double each = 1e6 / static_cast<double>(count);
    return fmt::format(
        R"({{"raglan_us":{},"libpq_and_scoring_us":{},"libpq_us":{},"ratio":{},"ratio_libpq":{}}})",
        ours * each, scored * each, alone * each, ours / scored, ours / alone);
  }

  // As postgres_store/search.cpp does, on this thread.
  void score(PlainLibpq& plain, std::size_t question, const postgres::Rows& segments) {
    const MonotonicTime now = SystemClock::instance().now();
    auto postings = require(
        postgres_store::QuestionPostings::find(store::question_terms(corpus_.questions[question]),
                                               collection_.id, segments, postings_, now));
    if (postings.misses_any()) {
      require(postings.read(plain.ask(postings.select_missing("default")), now));
    }
    const postgres_store::LexicalHits hits(postings.terms(), segments.int64s(0, 2),
                                           {collection_.stats.chunks, collection_.terms});
    scored_ += hits.best(kCandidates).size();
  }

  // Those that a search sends, as postgres_store/search.cpp has them; select_segments is kSegments.
  std::vector<postgres::Statement> of_search(std::size_t question) {
    const store::SearchRequest request = corpus_.question(question, {.candidates = kCandidates});
    const store::Found found = search(question);
    std::vector<std::int64_t> lexical;
    for (const Candidate& candidate : found.result.candidates) {
      if (candidate.lexical_rank > 0)
        lexical.push_back(static_cast<std::int64_t>(candidate.chunk_id));
    }
    std::vector<std::uint64_t> chosen;
    for (const store::Passage& passage : found.passages) chosen.push_back(passage.chunk.id);
    using Ids = std::span<const std::int64_t>;
    const std::string tenant = "default";
    const std::int64_t id = 1;
    const postgres::Vector vector{request.query_vector};
    std::vector<postgres::Statement> statements;
    statements.emplace_back("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    statements.push_back(postgres_store::select_collection({}));
    statements.push_back(postgres_store::select_segments({}));
    statements.emplace_back(
        "SELECT chunk_id, (-(embedding <#> $3::vector))::float4 FROM raglan.chunk_vector"
        " WHERE tenant = $1::text AND collection_id = $2::int8 AND chunk_id = ANY($4::int8[])",
        tenant, id, vector, Ids(lexical));
    statements.emplace_back(
        "SELECT set_config('hnsw.ef_search', $1::text, true),"
        " set_config('hnsw.iterative_scan', 'strict_order', true)",
        "300");
    statements.emplace_back(
        "SELECT chunk_id, (-(embedding::vector(384) <#> $3::vector(384)))::float4"
        " FROM raglan.chunk_vector WHERE tenant = $1::text AND collection_id = 1 AND $2::int8 > 0"
        " ORDER BY embedding::vector(384) <#> $3::vector(384) LIMIT $4::int8",
        tenant, id, vector, static_cast<std::int64_t>(kCandidates));
    statements.push_back(postgres_store::select_passages(tenant, id, chosen));
    statements.emplace_back("COMMIT");
    return statements;
  }

  std::string recall() {
    std::size_t found = 0;
    for (std::size_t i = 0; i < corpus_.questions.size(); ++i) {
      const auto exact = nearest(i, true);
      for (const std::uint64_t id : nearest(i, false)) found += exact.contains(id) ? 1 : 0;
    }
    return fmt::format(R"({{"recall@10":{}}})", static_cast<double>(found) /
                                                    static_cast<double>(corpus_.questions.size()) /
                                                    static_cast<double>(kRecallOf));
  }

  std::set<std::uint64_t> nearest(std::size_t question, bool exact) {
    std::set<std::uint64_t> ids;
    for (const Candidate& candidate : search(question, {.exact = exact}).result.candidates) {
      if (candidate.dense_rank > 0 && candidate.dense_rank <= kRecallOf) {
        ids.insert(candidate.chunk_id);
      }
    }
    return ids;
  }

  std::string connections(std::size_t count) {
    std::vector<double> opened;
    std::vector<double> pooled;
    postgres::Client client({}, target(url_), {});
    auto once = [](postgres::Client& of) -> net::Task<Result<postgres::Rows>> {
      auto session = co_await of.begin(Deadline());
      if (!session) co_return forward_error(session);
      co_return co_await session->execute(postgres::Statement("SELECT 1::int8"), Deadline());
    };
    for (std::size_t i = 0; i < count; ++i) {
      opened.push_back(1e6 * seconds([&] { ask("SELECT 1::int8"); }));
    }
    // Not in turns: a server that clears away after a connection would be in the way.
    require(wait(once(client)));
    for (std::size_t i = 0; i < count; ++i) {
      pooled.push_back(1e6 * seconds([&] { require(wait(once(client))); }));
    }
    return fmt::format(R"({{"opened":{},"pooled":{}}})", quantiles(std::move(opened), "us"),
                       quantiles(std::move(pooled), "us"));
  }

  std::string bulk(std::size_t count) {
    std::vector<std::string> ids;
    for (std::size_t i = 0; i < count; ++i) ids.push_back(fmt::format("document-{}", i));
    const double one_by_one = seconds([&] {
      for (const std::string& id : ids) {
        require(wait(store_->stored_versions({}, {id}, Deadline())));
      }
    });
    const double at_once =
        seconds([&] { require(wait(store_->stored_versions({}, ids, Deadline()))); });
    return fmt::format(R"({{"ids":{},"one_by_one_ms":{},"at_once_ms":{}}})", count,
                       one_by_one * 1000, at_once * 1000);
  }

  SearchCorpus corpus_;
  const std::string url_;
  net::Resolver resolver_;
  runtime::Executor executor_{{.name = "bench", .threads = 2}};
  std::unique_ptr<PostgresStore> store_;
  // Of the scoring beside plain libpq.
  postgres_store::CollectionRow collection_;
  const std::shared_ptr<postgres_store::PostingsCache> postings_ =
      std::make_shared<postgres_store::PostingsCache>(
          postgres_store::Config().postings_cache_bytes);
  std::size_t scored_ = 0;
  net::EventLoops loops_{{.threads = 1}}; // whose last coroutines use the store
};

} // namespace
} // namespace raglan::bench

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "see the head of postgres.cpp\n";
    return 64;
  }
  raglan::bench::Bench bench(argv[1], argv[2], {argv + 3, argv + argc});
  return raglan::bench::serve_commands(bench);
}

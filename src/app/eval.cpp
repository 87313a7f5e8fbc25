// raglan eval: retrieval quality on a labelled collection, with the settings that a node would use.
#include <unistd.h>

#include <cstdio>
#include <limits>

#include "app/command_line.h"
#include "app/embedder.h"
#include "app/opened_stores.h"
#include "base/ids.h"
#include "base/temporary_folder.h"
#include "evaluation/report.h"
#include "net/detach.h"
#include "net/event_loops.h"
#include "store/embedded_store.h"
#include "store/offloaded_store.h"

namespace raglan::app {
namespace {

struct EvalOptions {
  CommonOptions common;
  std::string folder;
  double min_ndcg = 0; // of hybrid
  bool json = false;
};

void show_progress(evaluation::EvaluationProgress progress) {
  if (::isatty(STDERR_FILENO) == 0) return;
  const bool done = progress.chunks_embedded == progress.chunks_total;
  fmt::print(stderr, "\rembedded {} of {} chunks\033[K{}", progress.chunks_embedded,
             progress.chunks_total, done ? "\r\033[K" : "");
}

using Outcome = Result<evaluation::Evaluation>;

// In a file of its own, which is thrown away.
Outcome evaluate_embedded(const evaluation::BeirCollection& collection, const Settings& settings,
                          model::Embedder& embedder) {
  const Clock& clock = SystemClock::instance();
  auto folder = TemporaryFolder::make("raglan-eval-");
  if (!folder) return forward_error(folder);
  store::StoreConfig config = settings.store;
  config.snapshot_at_close_chunks = std::numeric_limits<std::uint64_t>::max();
  auto embedded =
      store::EmbeddedStore::open(folder->path() / "eval.db",
                                 {std::string(embedder.id()), embedder.dimension()}, config, clock);
  if (!embedded) return forward_error(embedded);
  const net::Submit in_place = [](const std::function<void()>& work) {
    work();
    return true;
  };
  store::OffloadedStore store({**embedded, in_place, in_place, clock});
  net::EventLoops loops({.threads = 1});
  loops.start();
  const evaluation::EvaluationParts parts{.store = store,
                                          .loop = loops.executor(0), // where nothing else happens
                                          .embedder = embedder,
                                          .clock = clock};
  return evaluation::evaluate(collection, parts,
                              {settings.chunker, settings.retrieval, show_progress});
}

// In a collection of its own, which is deleted again.
Outcome evaluate_shared(const evaluation::BeirCollection& collection, const Settings& settings,
                        model::Embedder& embedder, OpenedStores& stores, NodeStore& shared) {
  const Clock& clock = SystemClock::instance();
  const evaluation::EvaluationParts parts{
      .store = shared.store(),
      .loop = stores.loop(),
      .embedder = embedder,
      .clock = clock,
      .collection = {.tenant = "raglan-eval", .name = make_uuid7(clock.wall_now())}};
  auto evaluation = evaluation::evaluate(collection, parts,
                                         {settings.chunker, settings.retrieval, show_progress});
  auto deleted =
      net::run_on(parts.loop, parts.store.delete_collection(parts.collection, Deadline()));
  if (!deleted && deleted.error().code != ErrorCode::kNotFound) {
    fmt::print(stderr, "raglan eval: collection {} of tenant raglan-eval is left: {}\n",
               parts.collection.name, deleted.error().message);
  }
  return evaluation;
}

Outcome measure(const EvalOptions& options, const Settings& settings) {
  const Clock& clock = SystemClock::instance();
  auto collection = evaluation::load_beir(options.folder);
  if (!collection) return forward_error(collection);
  const std::string& data_folder = options.common.data_folder;
  auto loaded = load_embedder(settings, data_folder, nullptr, nullptr, clock);
  if (!loaded) return forward_error(loaded);
  model::Embedder& embedder = *loaded->embedder;
  if (store_path(settings, data_folder)) return evaluate_embedded(*collection, settings, embedder);
  OpenedStores stores;
  auto shared =
      stores.open(settings, data_folder, {std::string(embedder.id()), embedder.dimension()});
  if (!shared) return forward_error(shared);
  return evaluate_shared(*collection, settings, embedder, stores, **shared);
}

int eval(const EvalOptions& options) {
  Settings settings;
  if (!load_settings(settings, options.common, {}, Logging::kCommand)) return kExitUsage;
  auto evaluation = measure(options, settings);
  if (!evaluation) return report_error("eval", evaluation.error());
  if (options.json) {
    print_json(evaluation::report_json(*evaluation));
  } else {
    fmt::print("{}", evaluation::report_table(*evaluation));
  }
  if (evaluation->hybrid.ndcg_at_10 >= options.min_ndcg) return kExitDone;
  fmt::print(stderr, "raglan eval: hybrid nDCG@10 is below {}\n", options.min_ndcg);
  return kExitMissed;
}

} // namespace

void add_eval(CLI::App& program, Run& run) {
  auto options = std::make_shared<EvalOptions>();
  CLI::App* command = program.add_subcommand("eval", "retrieval quality on a labelled collection");
  command
      ->add_option("folder", options->folder,
                   "BEIR layout: corpus.jsonl, queries.jsonl, qrels/test.tsv")
      ->required();
  add_common_options(*command, options->common);
  command->add_option("--min-ndcg", options->min_ndcg, "exit with 2 when hybrid nDCG@10 is lower");
  command->add_flag("--json", options->json, "one JSON document");
  command->callback([options, &run] { run = [options] { return eval(*options); }; });
}

} // namespace raglan::app

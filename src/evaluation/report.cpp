#include "evaluation/report.h"

#include <chrono>

#include <fmt/format.h>

namespace raglan::evaluation {
namespace json = boost::json;
namespace {

json::object side_json(const RankingMetrics& metrics) {
  return {
      {"ndcg@10", metrics.ndcg_at_10}, {"recall@10", metrics.recall_at_10}, {"mrr", metrics.mrr}};
}

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

} // namespace

json::object report_json(const Evaluation& evaluation) {
  const EvaluationTimes& times = evaluation.times;
  return {{"collection", evaluation.collection},
          {"queries", evaluation.queries},
          {"documents", evaluation.documents},
          {"chunks", evaluation.chunks},
          {"dense", side_json(evaluation.dense)},
          {"bm25", side_json(evaluation.bm25)},
          {"hybrid", side_json(evaluation.hybrid)},
          {"seconds",
           {{"prepare", seconds(times.prepare)},
            {"embed", seconds(times.embed)},
            {"write", seconds(times.write)},
            {"questions", seconds(times.questions)},
            {"search", seconds(times.search)},
            {"total", seconds(times.total)}}}};
}

std::string report_table(const Evaluation& evaluation) {
  std::string table =
      fmt::format("{}: {} questions, {} documents, {} chunks\n{:8}{:>10}{:>11}{:>8}\n",
                  evaluation.collection, evaluation.queries, evaluation.documents,
                  evaluation.chunks, "", "nDCG@10", "recall@10", "MRR");
  const auto add_side = [&](std::string_view name, const RankingMetrics& metrics) {
    table += fmt::format("{:8}{:>10.4f}{:>11.4f}{:>8.4f}\n", name, metrics.ndcg_at_10,
                         metrics.recall_at_10, metrics.mrr);
  };
  add_side("dense", evaluation.dense);
  add_side("bm25", evaluation.bm25);
  add_side("hybrid", evaluation.hybrid);
  const EvaluationTimes& times = evaluation.times;
  table += fmt::format(
      "embedding {:.1f} s, writing {:.1f} s, searching {:.1f} s ({:.1f} ms a question)\n",
      seconds(times.embed), seconds(times.write), seconds(times.search),
      1000 * seconds(times.search) / static_cast<double>(evaluation.queries));
  return table;
}

} // namespace raglan::evaluation

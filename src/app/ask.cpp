// raglan ask: a question from the terminal, answered with citations and the time of each stage.
#include <unistd.h>

#include <cstdio>

#include <boost/json/parse.hpp>

#include "app/answer_text.h"
#include "app/api.h"

namespace raglan::app {
namespace json = boost::json;
namespace {

struct AskOptions {
  ApiOptions api;
  std::string question;
  std::string collection = "default";
  std::string mode = "answer";
  std::string filter; // JSON
  int top_k = 0;      // 0: the node's default
  std::string llm;    // generation.provider, in this process
  bool again = false;
  bool json = false;
};

Result<json::object> request_of(const AskOptions& options) {
  json::object request{
      {"query", options.question}, {"collection", options.collection}, {"mode", options.mode}};
  if (options.top_k > 0) request["top_k"] = options.top_k;
  if (options.filter.empty()) return request;
  boost::system::error_code failure;
  request["filter"] = json::parse(options.filter, failure);
  if (failure) return fail(ErrorCode::kInvalidField, "--filter is not JSON");
  return request;
}

int report_failure(const AskOptions& options, Error error) {
  if (error.code == ErrorCode::kNotFound && error.param == "collection") {
    error.message = fmt::format(
        "there is no collection \"{}\" yet; `raglan ingest FOLDER` makes it", options.collection);
  }
  return report_error("ask", error);
}

int ask(const AskOptions& options) {
  auto request = request_of(options);
  if (!request) {
    report_error("ask", request.error());
    return kExitUsage;
  }
  ApiOptions where = options.api;
  where.creates_store = false;
  if (!options.llm.empty()) {
    where.common.assignments.push_back("generation.provider=" + options.llm);
  }
  auto api = open_api(where);
  if (!api) return report_unopened("ask", api.error());
  auto reply = (*api)->call("POST", "/v1/query", *request);
  if (!reply) return report_failure(options, std::move(reply.error()));
  json::value again;
  if (options.again) {
    auto second = (*api)->call("POST", "/v1/query", *request);
    if (!second) return report_error("ask", second.error());
    again = std::move(*second);
  }
  if (options.json) {
    print_json(options.again ? json::array{*reply, again} : *reply);
    return kExitDone;
  }
  const bool colour = ::isatty(STDOUT_FILENO) != 0;
  fmt::print("{}", answer_text(*reply, colour));
  if (options.again) fmt::print("{}", comparison_text(*reply, again));
  return kExitDone;
}

} // namespace

void add_ask(CLI::App& program, Run& run) {
  auto options = std::make_shared<AskOptions>();
  CLI::App* command = program.add_subcommand("ask", "a question, answered with citations");
  command->add_option("question", options->question, "in plain words")->required();
  add_api_options(*command, options->api);
  command->add_option("--collection", options->collection, "where to look")->capture_default_str();
  command->add_option("--top-k", options->top_k, "passages to answer from")
      ->check(CLI::Range(1, 100));
  command->add_option("--filter", options->filter, "on metadata, as JSON: {\"lang\":\"en\"}");
  command->add_option("--mode", options->mode, "answer, or retrieve: passages only")
      ->check(CLI::IsMember({"answer", "retrieve"}))
      ->capture_default_str();
  command
      ->add_option("--llm", options->llm,
                   "in-process: who writes the answer: extractive, openai or local")
      ->excludes("--url"); // where the node decides
  command->add_flag("--again", options->again, "ask twice and compare the times");
  command->add_flag("--json", options->json, "the node's reply as it is");
  command->callback([options, &run] { run = [options] { return ask(*options); }; });
}

} // namespace raglan::app

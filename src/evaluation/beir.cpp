#include "evaluation/beir.h"

#include <charconv>
#include <fstream>
#include <functional>
#include <unordered_map>

#include <fmt/format.h>
#include <boost/json/parse.hpp>

namespace raglan::evaluation {
namespace fs = std::filesystem;
namespace json = boost::json;
namespace {

// Calls `line(text, number)` for each line that is not empty; the first error ends the reading.
Result<> for_each_line(const fs::path& path,
                       const std::function<Result<>(std::string_view, std::size_t)>& line) {
  std::ifstream file(path);
  if (!file) {
    return fail(ErrorCode::kNotFound, fmt::format("{} cannot be read", path.filename().string()));
  }
  std::string text;
  for (std::size_t number = 1; std::getline(file, text); ++number) {
    if (!text.empty() && text.back() == '\r') text.pop_back();
    if (text.empty()) continue;
    if (auto ok = line(text, number); !ok) {
      ok.error().message =
          fmt::format("{} line {}: {}", path.filename().string(), number, ok.error().message);
      return ok;
    }
  }
  return {};
}

Result<json::object> parse_object(std::string_view line) {
  boost::system::error_code error;
  json::value value = json::parse(line, error);
  if (error || !value.is_object()) {
    return fail(ErrorCode::kMalformedRequest, "a JSON object is expected");
  }
  return std::move(value.get_object());
}

Result<std::string> text_field(const json::object& object, std::string_view name, bool required) {
  const json::value* value = object.if_contains(name);
  if (!value && !required) return std::string();
  const json::string* text = value ? value->if_string() : nullptr;
  if (!text) {
    return fail(ErrorCode::kMalformedRequest, fmt::format("\"{}\" must be a string", name));
  }
  return std::string(*text);
}

Result<> read_corpus(const fs::path& path, std::vector<BeirDocument>& documents) {
  return for_each_line(path, [&](std::string_view line, std::size_t) -> Result<> {
    auto object = parse_object(line);
    if (!object) return forward_error(object);
    auto id = text_field(*object, "_id", true);
    auto title = text_field(*object, "title", false);
    auto text = text_field(*object, "text", true);
    for (auto* field : {&id, &title, &text}) {
      if (!*field) return forward_error(*field);
    }
    documents.push_back({std::move(*id), std::move(*title), std::move(*text)});
    return {};
  });
}

Result<> read_queries(const fs::path& path, std::vector<BeirQuery>& queries) {
  return for_each_line(path, [&](std::string_view line, std::size_t) -> Result<> {
    auto object = parse_object(line);
    if (!object) return forward_error(object);
    auto id = text_field(*object, "_id", true);
    auto text = text_field(*object, "text", true);
    if (!id) return forward_error(id);
    if (!text) return forward_error(text);
    queries.push_back({std::move(*id), std::move(*text), {}});
    return {};
  });
}

Result<fs::path> find_qrels(const fs::path& folder) {
  if (fs::exists(folder / "test.tsv")) return folder / "test.tsv";
  std::error_code error;
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".tsv") found.push_back(entry.path());
  }
  if (found.size() != 1) {
    return fail(ErrorCode::kNotFound, "qrels/ holds neither a test.tsv nor exactly one .tsv file");
  }
  return found.front();
}

Result<> read_qrels(const fs::path& path, std::vector<BeirQuery>& queries) {
  std::unordered_map<std::string, BeirQuery*> by_id;
  for (BeirQuery& query : queries) by_id[query.id] = &query;
  return for_each_line(path, [&](std::string_view line, std::size_t number) -> Result<> {
    const std::size_t first = line.find('\t');
    const std::size_t second = first == line.npos ? first : line.find('\t', first + 1);
    if (second == line.npos) {
      return fail(ErrorCode::kMalformedRequest, "three columns with tabs between are expected");
    }
    const std::string_view score = line.substr(second + 1);
    int grade = 0;
    const auto [stop, error] = std::from_chars(score.data(), score.data() + score.size(), grade);
    if (error != std::errc() || stop != score.data() + score.size()) {
      if (number == 1) return {}; // the heading
      return fail(ErrorCode::kMalformedRequest, "the score must be a whole number");
    }
    const auto query = by_id.find(std::string(line.substr(0, first)));
    if (query != by_id.end() && grade > 0) {
      query->second->judgements[std::string(line.substr(first + 1, second - first - 1))] = grade;
    }
    return {};
  });
}

} // namespace

Result<BeirCollection> load_beir(const fs::path& folder) {
  BeirCollection collection;
  collection.name = fs::weakly_canonical(folder).filename().string();
  if (auto ok = read_corpus(folder / "corpus.jsonl", collection.documents); !ok) {
    return forward_error(ok);
  }
  if (auto ok = read_queries(folder / "queries.jsonl", collection.queries); !ok) {
    return forward_error(ok);
  }
  auto qrels = find_qrels(folder / "qrels");
  if (!qrels) return forward_error(qrels);
  if (auto ok = read_qrels(*qrels, collection.queries); !ok) return forward_error(ok);
  std::erase_if(collection.queries,
                [](const BeirQuery& query) { return query.judgements.empty(); });
  if (collection.documents.empty() || collection.queries.empty()) {
    return fail(ErrorCode::kInvalidField,
                "the collection holds no documents or no judged questions");
  }
  return collection;
}

} // namespace raglan::evaluation

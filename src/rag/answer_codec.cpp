#include "rag/answer_codec.h"

#include <vector>

#include "base/bytes.h"

namespace raglan::rag {
namespace {

// Changes with every change of what is written.
constexpr std::uint32_t kVersion = 3;
constexpr std::uint32_t kMaxSources = 10'000;

void write_source(ByteWriter& out, const Source& source) {
  out.value(source.n).text(source.document_id).value(source.chunk_id);
  out.text(source.title).text(source.title_path).text(source.uri).text(source.text);
  out.value(source.score).value(source.start).value(source.end);
  const Ranked& ranked = source.explanation;
  out.value(ranked.chunk_id).value(ranked.score).value(ranked.cosine).value(ranked.bm25);
  out.value(ranked.dense_rank).value(ranked.lexical_rank);
}

Source read_source(ByteReader& in) {
  Source source;
  source.n = in.value<std::uint32_t>();
  source.document_id = in.text();
  source.chunk_id = in.value<std::uint64_t>();
  source.title = in.text();
  source.title_path = in.text();
  source.uri = in.text();
  source.text = in.text();
  source.score = in.value<double>();
  source.start = in.value<std::uint64_t>();
  source.end = in.value<std::uint64_t>();
  Ranked& ranked = source.explanation;
  ranked.chunk_id = in.value<std::uint64_t>();
  ranked.score = in.value<double>();
  ranked.cosine = in.value<float>();
  ranked.bm25 = in.value<float>();
  ranked.dense_rank = in.value<std::uint32_t>();
  ranked.lexical_rank = in.value<std::uint32_t>();
  return source;
}

void write_author(ByteWriter& out, const std::optional<Authorship>& author) {
  out.value(author.has_value());
  if (!author) return;
  out.text(author->model).value(static_cast<std::uint8_t>(author->finish));
  out.value(std::uint64_t{author->usage.prompt_tokens});
  out.value(std::uint64_t{author->usage.completion_tokens});
  out.value(author->truncated).value(std::uint64_t{author->citations_removed});
}

std::optional<Authorship> read_author(ByteReader& in) {
  if (!in.value<bool>()) return std::nullopt;
  Authorship author;
  author.model = in.text();
  author.finish = static_cast<model::FinishReason>(in.value<std::uint8_t>());
  author.usage.prompt_tokens = in.value<std::uint64_t>();
  author.usage.completion_tokens = in.value<std::uint64_t>();
  author.truncated = in.value<bool>();
  author.citations_removed = in.value<std::uint64_t>();
  return author;
}

void write_passages(ByteWriter& out, store::Generation generation,
                    const std::vector<Source>& sources) {
  out.value(kVersion).value(generation.epoch).value(generation.seq).value(generation.nonce);
  out.value(static_cast<std::uint32_t>(sources.size()));
  for (const Source& source : sources) write_source(out, source);
}

bool read_passages(ByteReader& in, store::Generation& generation, std::vector<Source>& sources) {
  if (in.value<std::uint32_t>() != kVersion) return false;
  generation.epoch = in.value<decltype(generation.epoch)>();
  generation.seq = in.value<decltype(generation.seq)>();
  generation.nonce = in.value<decltype(generation.nonce)>();
  const auto count = in.value<std::uint32_t>();
  if (count > kMaxSources) return false;
  for (std::uint32_t i = 0; i < count && !in.failed(); ++i) sources.push_back(read_source(in));
  return !in.failed();
}

} // namespace

std::string AnswerCodec::encode(const Answer& answer) {
  std::string bytes;
  ByteWriter out(bytes);
  write_passages(out, answer.generation, answer.sources);
  out.value(answer.text.has_value()).text(answer.text.value_or("")).value(answer.found);
  write_author(out, answer.author);
  return bytes;
}

std::optional<Answer> AnswerCodec::decode(std::string_view bytes) {
  ByteReader in(bytes);
  Answer answer;
  if (!read_passages(in, answer.generation, answer.sources)) return std::nullopt;
  const bool has_text = in.value<bool>();
  const std::string_view text = in.text();
  if (has_text) answer.text = text;
  answer.found = in.value<bool>();
  answer.author = read_author(in);
  if (!in.done()) return std::nullopt;
  return answer;
}

std::size_t AnswerCodec::bytes(const Answer& answer) {
  const std::size_t text_bytes =
      (answer.text ? answer.text->size() : 0) + source_bytes(answer.sources);
  return sizeof(Answer) + 2 * text_bytes;
}

std::string RetrievedCodec::encode(const Retrieved& retrieved) {
  std::string bytes;
  ByteWriter out(bytes);
  write_passages(out, retrieved.generation, retrieved.sources);
  return bytes;
}

std::optional<Retrieved> RetrievedCodec::decode(std::string_view bytes) {
  ByteReader in(bytes);
  Retrieved retrieved;
  if (!read_passages(in, retrieved.generation, retrieved.sources) || !in.done()) {
    return std::nullopt;
  }
  return retrieved;
}

std::size_t RetrievedCodec::bytes(const Retrieved& retrieved) {
  return sizeof(Retrieved) + source_bytes(retrieved.sources);
}

} // namespace raglan::rag

#include "rag/retrieval.h"

#include <memory>
#include <utility>

namespace raglan::rag {
namespace {

Source make_source(std::uint32_t n, store::Passage passage, const Ranked& ranked) {
  Source source;
  source.n = n;
  source.document_id = std::move(passage.chunk.document_id);
  source.chunk_id = passage.chunk.id;
  source.title = std::move(passage.title);
  source.title_path = std::move(passage.chunk.title_path);
  source.uri = std::move(passage.uri);
  source.text = std::move(passage.chunk.text);
  source.score = ranked.score;
  source.start = passage.chunk.start;
  source.end = passage.chunk.end;
  source.explanation = ranked;
  return source;
}

} // namespace

std::size_t source_bytes(const std::vector<Source>& sources) {
  std::size_t bytes = 0;
  for (const Source& source : sources) {
    bytes += sizeof(Source) + source.document_id.size() + source.title.size() +
             source.title_path.size() + source.uri.size() + source.text.size();
  }
  return bytes;
}

net::Task<Result<Retrieved>> retrieve(store::Store& store, store::SearchRequest search,
                                      const FusionConfig& fusion, std::uint32_t top_k,
                                      Deadline deadline) {
  // Shared with the choice, which may be made when nobody waits for it any more.
  auto ranked = std::make_shared<std::vector<Ranked>>();
  auto choose = [ranked, &fusion, top_k](const store::SearchResult& result) {
    *ranked = fuse(result, fusion);
    if (ranked->size() > top_k) ranked->resize(top_k);
    std::vector<std::uint64_t> ids;
    ids.reserve(ranked->size());
    for (const Ranked& hit : *ranked) ids.push_back(hit.chunk_id);
    return ids;
  };
  auto found = co_await store.search(std::move(search), std::move(choose), deadline);
  if (!found) co_return forward_error(found);

  // They come in the ids' order, without those that are gone.
  Retrieved retrieved{found->result.generation, {}};
  auto hit = ranked->begin();
  for (store::Passage& passage : found->passages) {
    while (hit != ranked->end() && hit->chunk_id != passage.chunk.id) ++hit;
    if (hit == ranked->end()) {
      co_return fail(ErrorCode::kInternal, "the store returned passages that were not asked for");
    }
    const auto n = static_cast<std::uint32_t>(retrieved.sources.size() + 1);
    retrieved.sources.push_back(make_source(n, std::move(passage), *hit));
  }
  co_return retrieved;
}

} // namespace raglan::rag

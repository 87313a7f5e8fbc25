// What a front end made of an immutable value, kept with the value: made by the first who asks,
// read by all others. A hit of the query cache is then written without making its JSON again.
//
// Thread safety: `text` from any thread, concurrently. A copy has nothing made yet.
#pragma once

#include <mutex>
#include <string>

namespace raglan::rag {

class RenderedOnce {
 public:
  RenderedOnce() = default;
  RenderedOnce(const RenderedOnce&) {}
  RenderedOnce& operator=(const RenderedOnce&) = delete;

  // `make()` returns the text; always the same one.
  template <typename Make>
  const std::string& text(Make make) const {
    std::call_once(once_, [&] { text_ = make(); });
    return text_;
  }

 private:
  mutable std::once_flag once_;
  mutable std::string text_;
};

} // namespace raglan::rag

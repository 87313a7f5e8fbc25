// Bytes between a read and a write.
//
// A Buffer has a block of memory while it holds something, and none else: a connection on which
// nothing happens costs none. Blocks come from their loop's pool, the one given back last first, so
// that under load the same few are used over and over and stay in the processor's caches.
//
// What is consumed may be kept, to be sent once more (`keep_consumed`, `rewind`): a request that
// another host is to get.
//
// Thread safety: none; a pool and its buffers belong to one loop.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace raglan::balancer {

class BlockPool {
 public:
  static constexpr std::size_t kBlockBytes = 40 * 1024;

  std::unique_ptr<char[]> take();
  void give_back(std::unique_ptr<char[]> block);
  std::size_t in_use() const { return in_use_; }

 private:
  static constexpr std::size_t kKeptBlocks = 256; // 10 MB

  std::vector<std::unique_ptr<char[]>> free_;
  std::size_t in_use_ = 0;
};

class Buffer {
 public:
  explicit Buffer(BlockPool& pool) : pool_(&pool) {}
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { clear(); }

  // What was added and not consumed.
  std::string_view bytes() const { return {block_.get() + begin_, end_ - begin_}; }
  std::size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }

  // Where more can be added; empty when the block is full. What is there may be moved to the
  // front: views into it are no longer valid.
  std::span<char> room();
  void added(std::size_t size_bytes) { end_ += size_bytes; }
  // Takes the last bytes out again.
  void remove_suffix(std::size_t size_bytes) { end_ -= size_bytes; }
  // There must be room for it.
  void append(std::string_view bytes);
  std::size_t room_bytes() const { return BlockPool::kBlockBytes - (keep_ ? end_ : end_ - begin_); }

  void consume(std::size_t size_bytes) {
    begin_ += size_bytes;
    if (begin_ == end_ && !keep_) clear();
  }
  void keep_consumed() { keep_ = true; }
  bool keeps_consumed() const { return keep_; }
  void release_consumed() {
    keep_ = false;
    if (begin_ == end_) clear();
  }
  // All that was consumed since it is kept is there again.
  void rewind() { begin_ = 0; }
  // Nothing is in it, and nothing kept.
  void clear();
  // The other's contents, whatever was here.
  void take(Buffer& other);

 private:
  BlockPool* pool_;
  std::unique_ptr<char[]> block_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool keep_ = false;
};

} // namespace raglan::balancer

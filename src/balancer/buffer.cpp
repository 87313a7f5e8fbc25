#include "balancer/buffer.h"

namespace raglan::balancer {

std::unique_ptr<char[]> BlockPool::take() {
  ++in_use_;
  if (free_.empty()) return std::make_unique_for_overwrite<char[]>(kBlockBytes);
  auto block = std::move(free_.back());
  free_.pop_back();
  return block;
}

void BlockPool::give_back(std::unique_ptr<char[]> block) {
  --in_use_;
  if (free_.size() < kKeptBlocks) free_.push_back(std::move(block));
}

std::span<char> Buffer::room() {
  if (!block_) block_ = pool_->take();
  if (begin_ > 0 && !keep_) {
    std::memmove(block_.get(), block_.get() + begin_, size());
    end_ -= std::exchange(begin_, 0);
  }
  return {block_.get() + end_, BlockPool::kBlockBytes - end_};
}

void Buffer::append(std::string_view bytes) {
  const std::span<char> space = room();
  std::memcpy(space.data(), bytes.data(), bytes.size());
  end_ += bytes.size();
}

void Buffer::clear() {
  if (block_) pool_->give_back(std::move(block_));
  begin_ = end_ = 0;
  keep_ = false;
}

void Buffer::take(Buffer& other) {
  clear();
  block_ = std::move(other.block_);
  begin_ = std::exchange(other.begin_, 0);
  end_ = std::exchange(other.end_, 0);
  keep_ = std::exchange(other.keep_, false);
}

} // namespace raglan::balancer

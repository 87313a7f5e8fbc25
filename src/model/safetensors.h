// Weights in the safetensors format (Hugging Face, 2022): eight bytes of header length, a JSON
// header that gives each tensor's type, shape and byte range, then the bytes. The file is mapped,
// not read, so weights are paged in as they are used.
//
// Everything in the header is checked before a byte is looked at: a truncated or forged file gives
// kCorrupt, never a read outside the mapping. Immutable once open; thread safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace raglan::model {

struct Tensor {
  std::string dtype; // "F32", "F16", "BF16", "I64", …
  std::vector<std::size_t> shape;
  const std::byte* bytes = nullptr; // valid while the Safetensors lives
  std::size_t size_bytes = 0;
};

class Safetensors {
 public:
  // Errors: kUnavailable (cannot be read), kCorrupt.
  static Result<std::shared_ptr<const Safetensors>> open(const std::filesystem::path& path);
  ~Safetensors();
  Safetensors(const Safetensors&) = delete;
  Safetensors& operator=(const Safetensors&) = delete;

  // Null when there is no tensor of that name.
  const Tensor* find(std::string_view name) const;

 private:
  Safetensors() = default;
  Result<> parse_header();

  std::byte* mapping_ = nullptr;
  std::size_t mapping_bytes_ = 0;
  std::map<std::string, Tensor, std::less<>> tensors_;
};

} // namespace raglan::model

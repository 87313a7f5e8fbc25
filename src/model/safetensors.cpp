#include "model/safetensors.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cstring>
#include <optional>

#include <fmt/format.h>
#include <boost/json/parse.hpp>

#include "base/file_descriptor.h"

namespace raglan::model {
namespace json = boost::json;
namespace {

constexpr std::size_t kMaxHeaderBytes = 16 << 20;

std::size_t element_bytes(std::string_view dtype) {
  if (dtype == "F64" || dtype == "I64" || dtype == "U64") return 8;
  if (dtype == "F32" || dtype == "I32" || dtype == "U32") return 4;
  if (dtype == "F16" || dtype == "BF16" || dtype == "I16" || dtype == "U16") return 2;
  if (dtype == "I8" || dtype == "U8" || dtype == "BOOL") return 1;
  return 0;
}

std::optional<std::size_t> as_size(const json::value& value) {
  boost::system::error_code error;
  if (!value.is_number()) return std::nullopt;
  const auto number = value.to_number<std::uint64_t>(error);
  return error ? std::nullopt : std::optional<std::size_t>(number);
}

// One entry of the header; nullopt when anything about it is off.
std::optional<Tensor> parse_tensor(const json::value& value, const std::byte* body,
                                   std::size_t body_bytes) {
  const json::object* object = value.if_object();
  if (!object) return std::nullopt;
  const json::value* dtype = object->if_contains("dtype");
  const json::value* shape = object->if_contains("shape");
  const json::value* offsets = object->if_contains("data_offsets");
  if (!dtype || !dtype->is_string() || !shape || !shape->is_array() || !offsets ||
      !offsets->is_array() || offsets->get_array().size() != 2) {
    return std::nullopt;
  }
  Tensor tensor{std::string(dtype->get_string()), {}, nullptr, 0};
  std::size_t expected_bytes = element_bytes(tensor.dtype);
  for (const json::value& extent : shape->get_array()) {
    const auto size = as_size(extent);
    if (!size || __builtin_mul_overflow(expected_bytes, *size, &expected_bytes)) {
      return std::nullopt;
    }
    tensor.shape.push_back(*size);
  }
  const auto begin = as_size(offsets->get_array()[0]);
  const auto end = as_size(offsets->get_array()[1]);
  if (!begin || !end || *begin > *end || *end > body_bytes || *end - *begin != expected_bytes) {
    return std::nullopt;
  }
  tensor.bytes = body + *begin;
  tensor.size_bytes = expected_bytes;
  return tensor;
}

} // namespace

Result<std::shared_ptr<const Safetensors>> Safetensors::open(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  const FileDescriptor weights(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!weights) return fail(ErrorCode::kUnavailable, fmt::format("{} cannot be read", name));
  struct stat status{};
  void* mapping = MAP_FAILED;
  if (::fstat(weights.get(), &status) == 0 && status.st_size > 0) {
    mapping = ::mmap(nullptr, static_cast<std::size_t>(status.st_size), PROT_READ, MAP_PRIVATE,
                     weights.get(), 0);
  }
  if (mapping == MAP_FAILED) {
    return fail(ErrorCode::kCorrupt, fmt::format("{} is empty or cannot be mapped", name));
  }
  std::shared_ptr<Safetensors> file(new Safetensors());
  file->mapping_ = static_cast<std::byte*>(mapping);
  file->mapping_bytes_ = static_cast<std::size_t>(status.st_size);
  if (auto ok = file->parse_header(); !ok) {
    return fail(ErrorCode::kCorrupt, fmt::format("{}: {}", name, ok.error().message));
  }
  return file;
}

Safetensors::~Safetensors() {
  if (mapping_) ::munmap(mapping_, mapping_bytes_);
}

Result<> Safetensors::parse_header() {
  std::uint64_t header_bytes = 0;
  if (mapping_bytes_ < sizeof header_bytes) return fail(ErrorCode::kCorrupt, "it is cut short");
  std::memcpy(&header_bytes, mapping_, sizeof header_bytes);
  if (header_bytes > kMaxHeaderBytes || header_bytes > mapping_bytes_ - sizeof header_bytes) {
    return fail(ErrorCode::kCorrupt, "its header is longer than the file or the limit");
  }
  const char* header = reinterpret_cast<const char*>(mapping_) + sizeof header_bytes;
  const std::byte* body = mapping_ + sizeof header_bytes + header_bytes;
  const std::size_t body_bytes = mapping_bytes_ - sizeof header_bytes - header_bytes;
  boost::system::error_code error;
  const json::value parsed = json::parse(std::string_view(header, header_bytes), error);
  if (error || !parsed.is_object()) {
    return fail(ErrorCode::kCorrupt, "its header is not a JSON object");
  }
  for (const auto& entry : parsed.get_object()) {
    if (entry.key() == "__metadata__") continue;
    auto tensor = parse_tensor(entry.value(), body, body_bytes);
    if (!tensor) {
      return fail(ErrorCode::kCorrupt, fmt::format("tensor {} has a wrong type, shape or range",
                                                   std::string_view(entry.key())));
    }
    tensors_.emplace(entry.key(), std::move(*tensor));
  }
  return {};
}

const Tensor* Safetensors::find(std::string_view name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

} // namespace raglan::model

// Values into bytes and back, for what is kept in another process: entries of a shared cache.
//
// Numbers are little endian and of fixed size, a text is its length and its bytes. Reading is
// bounded by what is there: the first thing that does not fit makes the reader fail, and everything
// it is asked for afterwards is zero or empty; so callers check once, at the end.
//
//   std::string bytes;
//   ByteWriter(bytes).value(std::uint32_t{7}).text("seven");
//   ByteReader reader(bytes);
//   const auto number = reader.value<std::uint32_t>();
//   const auto word = reader.text();
//   if (!reader.done()) …                      // something was missing, or something follows
//
// Thread safety: none.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace raglan {

static_assert(std::endian::native == std::endian::little, "numbers are written as in memory");

// A number, or a bool.
template <typename T>
concept FixedSize = std::is_arithmetic_v<T>;

class ByteWriter {
 public:
  explicit ByteWriter(std::string& out) : out_(out) {}

  template <FixedSize T>
  ByteWriter& value(T value) {
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    out_.append(bytes, sizeof value);
    return *this;
  }
  ByteWriter& text(std::string_view text) {
    value(static_cast<std::uint32_t>(text.size()));
    out_.append(text);
    return *this;
  }

 private:
  std::string& out_;
};

class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : left_(bytes) {}

  template <FixedSize T>
  T value() {
    T value{};
    if (const auto bytes = take(sizeof value); !failed_) {
      std::memcpy(&value, bytes.data(), sizeof value);
    }
    return value;
  }
  // A view into the bytes that are read.
  std::string_view text() { return take(value<std::uint32_t>()); }

  bool failed() const { return failed_; }
  // Everything was there, and nothing follows.
  bool done() const { return !failed_ && left_.empty(); }
  std::string_view rest() const { return left_; }

 private:
  std::string_view take(std::size_t size_bytes) {
    failed_ = failed_ || size_bytes > left_.size();
    if (failed_) return {};
    const auto taken = left_.substr(0, size_bytes);
    left_.remove_prefix(size_bytes);
    return taken;
  }

  std::string_view left_;
  bool failed_ = false;
};

} // namespace raglan

#include "http/body_decoder.h"

#include <algorithm>
#include <charconv>

#include "http/message_fields.h"

namespace raglan::http {
namespace {

constexpr std::size_t kMaxChunkLineBytes = 1024;   // size and extensions
constexpr std::size_t kMaxTrailerBytes = 8 * 1024; // all trailers together

std::unexpected<Error> malformed(const char* what) {
  return fail(ErrorCode::kMalformedRequest, what);
}

std::unexpected<Error> too_large() {
  return fail(ErrorCode::kTooLarge, "the body is larger than the server accepts");
}

} // namespace

BodyDecoder BodyDecoder::with_length(std::uint64_t length_bytes) {
  BodyDecoder decoder(length_bytes == 0 ? State::kDone : State::kLength);
  decoder.remaining_bytes_ = length_bytes;
  return decoder;
}

BodyDecoder BodyDecoder::chunked() { return BodyDecoder(State::kChunkSize); }

BodyDecoder BodyDecoder::until_close() { return BodyDecoder(State::kUntilClose); }

Result<std::size_t> BodyDecoder::decode(std::string_view input, std::uint64_t limit_bytes,
                                        std::string* out) {
  const std::size_t size_before = input.size();
  // Known from the first byte on when the length is: refuse before reading any of it.
  if (state_ == State::kLength && decoded_bytes_ + remaining_bytes_ > limit_bytes) {
    return too_large();
  }
  while (state_ != State::kDone && !input.empty()) {
    if (state_ == State::kLength || state_ == State::kChunkContent ||
        state_ == State::kUntilClose) {
      auto taken = take_content(input, limit_bytes, out);
      if (!taken) return forward_error(taken);
    } else {
      auto taken = take_line(input, limit_bytes);
      if (!taken) return forward_error(taken);
      if (!*taken) break;
    }
  }
  return size_before - input.size();
}

Result<> BodyDecoder::take_content(std::string_view& input, std::uint64_t limit_bytes,
                                   std::string* out) {
  const bool bounded = state_ != State::kUntilClose;
  const std::size_t size_bytes =
      bounded ? static_cast<std::size_t>(std::min<std::uint64_t>(remaining_bytes_, input.size()))
              : input.size();
  if (size_bytes > limit_bytes - decoded_bytes_) return too_large();
  if (out != nullptr) out->append(input.substr(0, size_bytes));
  input.remove_prefix(size_bytes);
  decoded_bytes_ += size_bytes;
  if (!bounded) return {};
  remaining_bytes_ -= size_bytes;
  if (remaining_bytes_ == 0) state_ = state_ == State::kLength ? State::kDone : State::kChunkEnd;
  return {};
}

Result<bool> BodyDecoder::take_line(std::string_view& input, std::uint64_t limit_bytes) {
  if (state_ == State::kChunkEnd) {
    if (input.front() != '\r' || (input.size() > 1 && input[1] != '\n')) {
      return malformed("a chunk is longer than its size");
    }
    if (input.size() < 2) return false;
    input.remove_prefix(2);
    state_ = State::kChunkSize;
    return true;
  }
  auto line = first_line(input);
  if (!line) return forward_error(line);
  const std::size_t size_bytes = *line ? (*line)->size_bytes : input.size();
  if (state_ == State::kChunkSize && size_bytes > kMaxChunkLineBytes) {
    return malformed("a chunk's size line is too long");
  }
  if (state_ == State::kTrailer && trailer_bytes_ + size_bytes > kMaxTrailerBytes) {
    return malformed("too many trailers");
  }
  if (!*line) return false;

  const auto text = (*line)->text;
  if (state_ == State::kChunkSize) {
    auto known = on_chunk_size(text, limit_bytes);
    if (!known) return forward_error(known);
  } else if (text.empty()) {
    state_ = State::kDone;
  } else {
    trailer_bytes_ += size_bytes;
    Headers dropped;
    Framing ignored;
    auto parsed = parse_field(text, dropped, ignored);
    if (!parsed) return malformed("bad trailer");
  }
  input.remove_prefix(size_bytes);
  return true;
}

Result<> BodyDecoder::on_chunk_size(std::string_view line, std::uint64_t limit_bytes) {
  std::uint64_t size_bytes = 0;
  const char* const line_end = line.data() + line.size();
  const auto [digits_end, code] = std::from_chars(line.data(), line_end, size_bytes, 16);
  if (code != std::errc()) return malformed("bad chunk size");
  // After the digits only an extension may stand; its own text has no meaning for us, but no
  // control character may hide in it.
  const std::string_view extension(digits_end, line_end);
  if (!extension.empty() && extension.front() != ';') return malformed("bad chunk size");
  for (const char c : extension) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && byte != '\t') || byte == 0x7f) return malformed("bad chunk extension");
  }
  if (size_bytes > limit_bytes - decoded_bytes_) return too_large();
  remaining_bytes_ = size_bytes;
  state_ = size_bytes == 0 ? State::kTrailer : State::kChunkContent;
  return {};
}

} // namespace raglan::http

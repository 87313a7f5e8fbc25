// Takes the body of a message off the wire: by length, in chunks, or until the connection closes
// (RFC 9112, 6 and 7.1). Incremental: the input may be cut anywhere.
//
// Chunk extensions are skipped and trailers dropped: a trailer that became a header would let a
// client say after the body what a proxy in front of us has checked before it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace raglan::http {

class BodyDecoder {
 public:
  BodyDecoder() = default; // no body: done at once
  static BodyDecoder with_length(std::uint64_t length_bytes);
  static BodyDecoder chunked();
  static BodyDecoder until_close();

  // Decodes from the front of `input`, appends the body's bytes to `out`, unless that is null (who
  // passes the input on as it came wants to know its end alone), and returns how much of the input
  // is used up; what is left must be shown again with more behind it, unless done().
  // Errors: kMalformedRequest (bad chunk); kTooLarge when the body passes `limit_bytes` in all, as
  // soon as that is known.
  Result<std::size_t> decode(std::string_view input, std::uint64_t limit_bytes, std::string* out);

  bool done() const { return state_ == State::kDone; }
  bool ends_with_connection() const { return state_ == State::kUntilClose; }
  // The most that is known to be still to come of the present length or chunk.
  std::uint64_t remaining_bytes() const { return remaining_bytes_; }

 private:
  enum class State { kLength, kChunkSize, kChunkContent, kChunkEnd, kTrailer, kUntilClose, kDone };

  explicit BodyDecoder(State state) : state_(state) {}
  Result<> take_content(std::string_view& input, std::uint64_t limit_bytes, std::string* out);
  // False: the line has not arrived whole.
  Result<bool> take_line(std::string_view& input, std::uint64_t limit_bytes);
  Result<> on_chunk_size(std::string_view line, std::uint64_t limit_bytes);

  State state_ = State::kDone;
  std::uint64_t remaining_bytes_ = 0; // of the length or the chunk
  std::uint64_t decoded_bytes_ = 0;
  std::size_t trailer_bytes_ = 0;
};

} // namespace raglan::http

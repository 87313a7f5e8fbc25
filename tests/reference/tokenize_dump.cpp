// Prints token ids for comparison with the reference tokenizer (check_tokenizer.py).
//
//   tokenize_dump tokenizer.json < texts > ids
//
// In: per text, its length in bytes and its bytes. Out: per text, the number of ids and the ids.
// All numbers are little-endian 32-bit. Binary, because the texts hold every code point there is.
#include <cstdint>
#include <cstdio>
#include <limits>
#include <string>

#include "model/tokenizer.h"

namespace {

bool read_exactly(void* into, std::size_t size_bytes) {
  return std::fread(into, 1, size_bytes, stdin) == size_bytes;
}

void write_number(std::uint32_t number) { std::fwrite(&number, sizeof number, 1, stdout); }

} // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: tokenize_dump tokenizer.json < texts > ids\n", stderr);
    return 64;
  }
  const auto tokenizer = raglan::model::Tokenizer::load(argv[1]);
  if (!tokenizer) {
    std::fprintf(stderr, "%s\n", tokenizer.error().message.c_str());
    return 1;
  }
  std::uint32_t size_bytes = 0;
  std::string text;
  while (read_exactly(&size_bytes, sizeof size_bytes)) {
    text.resize(size_bytes);
    if (!read_exactly(text.data(), size_bytes)) return 1;
    const auto ids = tokenizer->encode(text, std::numeric_limits<std::size_t>::max());
    write_number(static_cast<std::uint32_t>(ids.size()));
    for (const auto id : ids) write_number(static_cast<std::uint32_t>(id));
  }
  return 0;
}

// Prints vectors for comparison with a reference implementation (check_models.py).
//
//   embed_dump MODEL_FOLDER < texts > vectors
//
// In: one text a line. Out: one line of numbers a text. All texts are embedded in one call.
#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include "model/local_embedder.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: embed_dump MODEL_FOLDER < texts > vectors\n", stderr);
    return 64;
  }
  auto embedder = raglan::model::LocalEmbedder::load(argv[1], {});
  if (!embedder) {
    std::fprintf(stderr, "%s\n", embedder.error().message.c_str());
    return 1;
  }
  std::vector<std::string> texts;
  for (std::string line; std::getline(std::cin, line);) texts.push_back(line);
  const auto made = (*embedder)->embed({texts.begin(), texts.end()}, raglan::Deadline());
  if (!made) {
    std::fprintf(stderr, "%s\n", made.error().message.c_str());
    return 1;
  }
  for (std::size_t i = 0; i < made->values.size(); ++i) {
    const bool last = (i + 1) % made->dimension == 0;
    std::printf("%.9g%c", static_cast<double>(made->values[i]), last ? '\n' : ' ');
  }
  return 0;
}

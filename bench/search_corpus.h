// The documents and questions of the search benchmarks, as bench/search.py prepares them in a
// folder: chunks.txt, base.f32, questions.txt, questions.f32.
//
// A line of chunks.txt is "a b text". Its vector is made from the real vectors a and b and noise:
// see perturbed().
#pragma once

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/result.h"
#include "base/rng.h"
#include "store/types.h"

namespace raglan::bench {

inline constexpr std::size_t kDimension = 384;
inline constexpr std::size_t kChunksPerDocument = 10;
inline constexpr double kNoise = 0.35; // the noise vector's length, beside real vectors of length 1

[[noreturn]] inline void give_up(std::string_view what) {
  std::cerr << what << '\n';
  std::exit(1);
}

template <typename T>
T require(Result<T> result) {
  if (!result) give_up(result.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

template <typename Work>
double seconds(Work&& work) {
  const auto begun = SystemClock::instance().now();
  work();
  return to_milliseconds(SystemClock::instance().now() - begun) / 1000;
}

inline std::vector<std::string> read_lines(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  if (lines.empty()) give_up("no lines in " + path.string());
  return lines;
}

// One command and its count a line of stdin, answered by one line of JSON.
template <typename Bench>
int serve_commands(Bench& bench) {
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string command;
    std::size_t count = 1;
    words >> command >> count;
    std::cout << bench.run(command, count) << std::endl;
  }
  return 0;
}

class SearchCorpus {
 public:
  explicit SearchCorpus(const std::filesystem::path& folder)
      : questions(read_lines(folder / "questions.txt")),
        lines(read_lines(folder / "chunks.txt")),
        base_(read_vectors(folder / "base.f32")),
        question_vectors_(read_vectors(folder / "questions.f32")) {}

  // Those of its lines, from the first on.
  store::PreparedDocument document(std::size_t number, std::size_t first_line) {
    store::PreparedDocument made;
    made.document.id = fmt::format("document-{}", number);
    const std::size_t count = std::min(kChunksPerDocument, lines.size() - first_line);
    for (const std::string& line : std::span(lines).subspan(first_line, count)) {
      std::istringstream words(line);
      std::size_t a = 0;
      std::size_t b = 0;
      words >> a >> b;
      std::string text;
      std::getline(words.ignore(1), text);
      const std::size_t start = made.document.text.size();
      made.document.text += text;
      made.chunks.push_back({.document_id = made.document.id,
                             .ordinal = static_cast<std::uint32_t>(made.chunks.size()),
                             .text = text,
                             .start = start,
                             .end = made.document.text.size()});
      const auto vector = perturbed(a, b);
      made.vectors.insert(made.vectors.end(), vector.begin(), vector.end());
    }
    made.document.content_hash = hash128(made.document.text);
    return made;
  }

  store::SearchRequest question(std::size_t number, store::SearchRequest request) const {
    const auto vector = std::span(question_vectors_).subspan(number * kDimension, kDimension);
    request.query_text = questions[number];
    request.query_vector.assign(vector.begin(), vector.end());
    return request;
  }

  const std::vector<std::string> questions;
  const std::vector<std::string> lines; // of chunks.txt

 private:
  static std::vector<float> read_vectors(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::vector<float> vectors(std::filesystem::file_size(path) / sizeof(float));
    file.read(reinterpret_cast<char*>(vectors.data()),
              static_cast<std::streamsize>(vectors.size() * sizeof(float)));
    return vectors;
  }

  // Normalised a + w b + noise, w uniform in [0, 1): near to real vectors, and nowhere equal.
  std::vector<float> perturbed(std::size_t a, std::size_t b) {
    std::vector<float> vector(kDimension);
    const double weight = rng_.uniform();
    double square = 0;
    for (std::size_t i = 0; i < kDimension; ++i) {
      double noise = 0; // nearly normal, of variance 1
      for (int j = 0; j < 12; ++j) noise += rng_.uniform();
      const double value = base_[a * kDimension + i] + weight * base_[b * kDimension + i] +
                           kNoise * (noise - 6) / std::sqrt(kDimension);
      vector[i] = static_cast<float>(value);
      square += value * value;
    }
    for (float& value : vector) value /= static_cast<float>(std::sqrt(square));
    return vector;
  }

  const std::vector<float> base_;
  const std::vector<float> question_vectors_;
  Rng rng_{42};
};

} // namespace raglan::bench

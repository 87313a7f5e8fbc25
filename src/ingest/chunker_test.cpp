#include "ingest/chunker.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "base/utf8.h"
#include "ingest/extractor.h"
#include "ingest/word_counter_test.h"

namespace raglan::ingest {
namespace {

constexpr ChunkerConfig kSmall{.chunk_tokens = 24, .overlap_tokens = 6, .min_chunk_tokens = 4};

struct Cut {
  std::string path;
  std::string text;
  bool operator==(const Cut&) const = default;
};

void PrintTo(const Cut& cut, std::ostream* out) { *out << "[" << cut.path << "] " << cut.text; }

using Cuts = std::vector<Cut>;

Cuts cut(std::string_view bytes, MediaType type, const ChunkerConfig& config,
         std::string_view title = "") {
  const auto extracted = extract_text(bytes, type);
  if (!extracted) return {{"error", extracted.error().message}};
  const auto chunks = chunk_text(*extracted, title, config, count_words);
  if (!chunks) return {{"error", chunks.error().message}};
  Cuts cuts;
  for (const ChunkSpan& chunk : *chunks) {
    cuts.push_back({chunk.title_path,
                    extracted->text.substr(chunk.span.start, chunk.span.end - chunk.span.start)});
  }
  return cuts;
}

constexpr auto kMarkdown = MediaType::kMarkdown;
constexpr auto kPlain = MediaType::kPlainText;

TEST(Chunker, AShortDocumentIsOneChunk) {
  EXPECT_EQ(cut("One. Two.\n\nThree.", kPlain, {}), (Cuts{{"", "One. Two.\n\nThree."}}));
}

TEST(Chunker, AHeadingBeginsAChunkAndNamesThePath) {
  EXPECT_EQ(cut("# A\n\none two three four five\n\n## B\n\nsix seven eight nine\n\n# C\n\nten",
                kMarkdown, kSmall, "T"),
            (Cuts{{"T > A", "A\n\none two three four five"},
                  {"T > A > B", "B\n\nsix seven eight nine"},
                  {"T > C", "C\n\nten"}}));
}

TEST(Chunker, TheFirstHeadingIsNotSaidTwiceInThePath) {
  EXPECT_EQ(cut("# A\n\nx", kMarkdown, kSmall, "A")[0].path, "A");
  EXPECT_EQ(cut("# A\n\nx", kMarkdown, kSmall, "A \u2014 Manual 3.11")[0].path, "A");
}

// As in manual pages: the page's name and its sections are headings of one level.
TEST(Chunker, AFirstHeadingThatIsTheTitleStandsAboveItsOwnLevel) {
  const Cuts cuts =
      cut("# ls\n\nlists files and folders\n\n# Options\n\n-a\n", kMarkdown, kSmall, "ls");
  EXPECT_EQ(cuts,
            (Cuts{{"ls", "ls\n\nlists files and folders"}, {"ls > Options", "Options\n\n-a"}}));
  EXPECT_EQ(
      cut("# A b\n\none two three four five\n\n# A\n\none two three four", kMarkdown, kSmall, "A b")
          .back()
          .path,
      "A b > A");
}

TEST(Chunker, VeryShortSectionsShareAChunkUnderWhatIsCommon) {
  EXPECT_EQ(cut("# A\n\n## B\n\nb\n\n## C\n\nc", kMarkdown,
                {.chunk_tokens = 40, .overlap_tokens = 0, .min_chunk_tokens = 10}),
            (Cuts{{"A", "A\n\nB\n\nb\n\nC\n\nc"}}));
}

TEST(Chunker, ParagraphsThatFitAreNotCut) {
  const std::string a = "a1 a2 a3 a4 a5 a6 a7 a8 a9 a10. a11 a12 a13.";
  const std::string b = "b1 b2 b3 b4. b5 b6 b7 b8. b9 b10 b11.";
  EXPECT_EQ(cut(a + "\n\n" + b, kPlain, {.chunk_tokens = 24, .overlap_tokens = 0}),
            (Cuts{{"", a}, {"", b}}));
}

TEST(Chunker, ALongParagraphIsCutBetweenSentencesWithWholeSentencesRepeated) {
  EXPECT_EQ(cut("Aa b c d e f g h. Bb b c d e f g h. Cc d e. Dd b c d e f g h.", kPlain, kSmall),
            (Cuts{{"", "Aa b c d e f g h. Bb b c d e f g h. Cc d e."},
                  {"", "Cc d e. Dd b c d e f g h."}}));
}

TEST(Chunker, NothingIsRepeatedAcrossAHeading) {
  const Cuts cuts = cut("one two three four five. Six.\n\n# B\n\nseven", kMarkdown, kSmall);
  EXPECT_EQ(cuts, (Cuts{{"", "one two three four five. Six."}, {"B", "B\n\nseven"}}));
}

TEST(Chunker, AHeadingIsKeptWithWhatFollowsIt) {
  // The term would still fit the first chunk, its definition would not.
  const Cuts cuts =
      cut("<p>one two three four five six seven eight nine ten.</p>"
          "<dl><dt>term</dt><dd>a b c d e f g h i j k l m n o.</dd></dl>",
          MediaType::kHtml, kSmall);
  EXPECT_EQ(cuts, (Cuts{{"", "one two three four five six seven eight nine ten."},
                        {"term", "term\n\na b c d e f g h i j k l m n o."}}));
}

TEST(Chunker, ATermHoldsForItsDefinitionOnly) {
  const Cuts cuts =
      cut("<dl><dt>outer</dt><dd>a b c d e f g h i j k l m n. "
          "<dl><dt>inner</dt><dd>a2 b c d e f g h i j k l m n.</dd></dl>"
          "<p>a3 b c d e f g h i j k l m n o p.</p></dd></dl>"
          "<p>a4 b c d e f g h i j k l m n o p q.</p>",
          MediaType::kHtml, {.chunk_tokens = 24, .overlap_tokens = 0, .min_chunk_tokens = 4});
  std::vector<std::string> paths;
  for (const Cut& one : cuts) paths.push_back(one.path);
  EXPECT_EQ(paths, (std::vector<std::string>{"outer", "outer > inner", "outer", ""}));
}

TEST(Chunker, CodeIsCutBetweenLines) {
  const Cuts cuts =
      cut("    a1 a2 a3 a4 a5 a6 a7 a8 a9.  B\n    b1 b2 b3 b4 b5 b6 b7 b8 b9\n    c1 c2 "
          "c3 c4 c5 c6 c7 c8",
          kPlain, {.chunk_tokens = 24, .overlap_tokens = 0});
  ASSERT_EQ(cuts.size(), 2u);
  EXPECT_EQ(cuts[0].text, "a1 a2 a3 a4 a5 a6 a7 a8 a9.  B\n    b1 b2 b3 b4 b5 b6 b7 b8 b9");
  EXPECT_EQ(cuts[1].text, "c1 c2 c3 c4 c5 c6 c7 c8");
}

TEST(Chunker, ALongTitlePathLosesItsOuterParts) {
  const Cuts cuts = cut("# a b c d e\n\n## f g h\n\ntext", kMarkdown,
                        {.chunk_tokens = 24, .overlap_tokens = 0, .min_chunk_tokens = 0});
  ASSERT_EQ(cuts.size(), 1u);
  EXPECT_EQ(cuts[0].path, "a b c d e"); // what both sections have in common
  EXPECT_EQ(cut("# a b c d e\n\nx y\n\n## f g h\n\ntext", kMarkdown,
                {.chunk_tokens = 24, .overlap_tokens = 0, .min_chunk_tokens = 0})[1]
                .path,
            "f g h");
}

TEST(Chunker, ADocumentOfTooManyChunksIsRefused) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "one two three four five six seven eight nine ten\n\n";
  const auto extracted = extract_text(text, kPlain);
  ChunkerConfig config = kSmall;
  config.max_chunks_per_document = 10;
  const auto chunks = chunk_text(*extracted, "", config, count_words);
  ASSERT_FALSE(chunks);
  EXPECT_EQ(chunks.error().code, ErrorCode::kTooLarge);
}

TEST(Chunker, CountsEveryByteOnlyAFewTimes) {
  std::string text = "# Heading\n\n";
  for (int i = 0; i < 5000; ++i) text += "A sentence of seven or eight words, more or less. ";
  const auto extracted = extract_text(text, kMarkdown);
  std::size_t counted = 0;
  const auto chunks = chunk_text(*extracted, "", {}, [&](std::string_view part) {
    counted += part.size();
    return count_words(part);
  });
  ASSERT_TRUE(chunks);
  EXPECT_LE(counted, text.size() + text.size() / 100);
}

// The invariants of chunker.h and extracted_text.h.
void check_invariants(std::string_view bytes, MediaType type, const ChunkerConfig& config) {
  SCOPED_TRACE(testing::PrintToString(std::string(bytes.substr(0, 2000))));
  const auto extracted = extract_text(bytes, type);
  if (!extracted) {
    EXPECT_EQ(extracted.error().code, ErrorCode::kInvalidField);
    return;
  }
  const std::string_view text = extracted->text;
  ASSERT_TRUE(is_valid_utf8(text));
  constexpr std::string_view kSpaces = " \t\n\r\f\v";
  const auto is_blank = [&](std::size_t start, std::size_t end) {
    return text.substr(start, end - start).find_first_not_of(kSpaces) == text.npos;
  };
  const auto is_tight = [&](TextSpan span) {
    return span.start < span.end && span.end <= text.size() &&
           kSpaces.find(text[span.start]) == kSpaces.npos &&
           kSpaces.find(text[span.end - 1]) == kSpaces.npos;
  };
  std::size_t at = 0;
  for (const Block& block : extracted->blocks) {
    ASSERT_LE(at, block.span.start);
    ASSERT_TRUE(is_blank(at, block.span.start));
    ASSERT_TRUE(is_tight(block.span));
    at = block.span.end;
  }
  ASSERT_TRUE(is_blank(at, text.size()));

  const auto chunks = chunk_text(*extracted, extracted->title, config, count_words);
  ASSERT_TRUE(chunks) << chunks.error().message;
  at = 0;
  std::size_t last_start = 0;
  for (const auto& [span, path] : *chunks) {
    const std::string_view chunk = text.substr(span.start, span.end - span.start);
    ASSERT_TRUE(is_tight(span));
    ASSERT_TRUE(is_valid_utf8(chunk));
    ASSERT_TRUE(is_valid_utf8(path));
    ASSERT_GE(span.start, last_start);
    ASSERT_GT(span.end, at); // there is something new in it
    if (span.start > at) {
      ASSERT_TRUE(is_blank(at, span.start)) << text.substr(at, span.start - at);
    }
    ASSERT_LE(count_words(chunk) + count_words(path), config.chunk_tokens) << path << "|" << chunk;
    ASSERT_LE(chunk.size(), config.chunk_tokens * kMaxBytesPerToken);
    last_start = span.start;
    at = span.end;
  }
  ASSERT_TRUE(is_blank(at, text.size()));
}

TEST(Chunker, InvariantsHoldForRandomDocumentsOfEveryFormat) {
  const std::vector<std::string> pieces{"<h1>",
                                        "</h1>",
                                        "<h2>Head ",
                                        "</h2>",
                                        "<p>",
                                        "</p>",
                                        "<li>",
                                        "<ul>",
                                        "</ul>",
                                        "<dl>",
                                        "<dt>",
                                        "<dd>",
                                        "</dl>",
                                        "<pre>",
                                        "</pre>",
                                        "<table>",
                                        "<tr>",
                                        "<td>",
                                        "</table>",
                                        "<br>",
                                        "<!--",
                                        "-->",
                                        "<div class=toc>",
                                        "</div>",
                                        "<title>",
                                        "</title>",
                                        "<script>",
                                        "</script>",
                                        "&amp;",
                                        "&#233;",
                                        "<",
                                        ">",
                                        "\"",
                                        "&",
                                        "# ",
                                        "## Sub ",
                                        "- ",
                                        "1. ",
                                        "```\n",
                                        "    ",
                                        "| a | b |\n|--|--|\n",
                                        "> ",
                                        "===\n",
                                        "---\n",
                                        "[a](b)",
                                        "*",
                                        "`",
                                        "\n",
                                        "\n\n",
                                        " ",
                                        "\t",
                                        "\r\n",
                                        "Word. ",
                                        "word ",
                                        "Next",
                                        ". ",
                                        "! ",
                                        "。",
                                        "é",
                                        "漢字",
                                        "😀",
                                        "\u00a0",
                                        "e.g. ",
                                        "\f",
                                        "\x01",
                                        std::string(300, 'x'),
                                        std::string(40, '-'),
                                        std::string(500, ' '),
                                        "long_identifier_name_here "};
  Rng rng(31);
  for (int run = 0; run < 4000; ++run) {
    std::string bytes;
    for (std::uint64_t n = rng.below(120); n > 0; --n) bytes += pieces[rng.below(pieces.size())];
    ChunkerConfig config;
    config.chunk_tokens = 16 + rng.below(80);
    config.overlap_tokens = rng.below(config.chunk_tokens / 2);
    config.min_chunk_tokens = rng.below(config.chunk_tokens / 2);
    const auto type = static_cast<MediaType>(run % 3);
    check_invariants(bytes, type, config);
    if (HasFatalFailure()) return;
  }
}

// Quadratic time, or recursion, would not end or not survive.
TEST(Chunker, HostileDocumentsTakeLinearTime) {
  constexpr std::size_t kBytes = 512 << 10;
  const auto repeated = [](std::string_view piece) {
    std::string bytes;
    while (bytes.size() < kBytes) bytes += piece;
    return bytes;
  };
  for (const std::string_view piece : {"<",
                                       "<div>",
                                       "<b>",
                                       "<p",
                                       "</",
                                       "<!--",
                                       "<a b='",
                                       "&",
                                       "<table><tr><td>",
                                       "<dl><dt>a<dd>",
                                       "<script>",
                                       "<pre>",
                                       "<h1>a",
                                       "x",
                                       "x ",
                                       "x. ",
                                       "漢",
                                       "。a",
                                       "\n",
                                       " \n",
                                       "- a\n",
                                       "<li>",
                                       "a\n\n",
                                       "<![CDATA[",
                                       "&#",
                                       "é",
                                       "."}) {
    SCOPED_TRACE(piece);
    for (const MediaType type : {MediaType::kPlainText, MediaType::kHtml}) {
      const auto extracted = extract_text(repeated(piece), type);
      if (!extracted) continue;
      const auto chunks = chunk_text(*extracted, "", {}, count_words);
      if (!chunks) EXPECT_EQ(chunks.error().code, ErrorCode::kTooLarge);
    }
  }
}

TEST(Chunker, AnEmptyTitleOrBudgetEdgeDoesNotLoop) {
  for (const std::size_t tokens : {16u, 17u, 31u}) {
    check_invariants("# " + std::string(500, 'h') + "\n\n" + std::string(5000, 'w'), kMarkdown,
                     {.chunk_tokens = tokens, .overlap_tokens = tokens / 2, .min_chunk_tokens = 0});
  }
}

} // namespace
} // namespace raglan::ingest

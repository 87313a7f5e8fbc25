#include "ingest/extractor.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace raglan::ingest {
namespace {

using namespace std::string_literals;

constexpr auto kPlain = MediaType::kPlainText;
constexpr auto kMarkdown = MediaType::kMarkdown;
constexpr auto kHtml = MediaType::kHtml;

// Blocks as "h1 text", "p text", …, one after the other.
std::vector<std::string> blocks(std::string_view bytes, MediaType type) {
  const auto extracted = extract_text(bytes, type);
  if (!extracted) return {"error " + extracted.error().message};
  std::vector<std::string> found;
  for (const Block& block : extracted->blocks) {
    std::string name;
    switch (block.kind) {
      case BlockKind::kHeading: name = "h" + std::to_string(block.level); break;
      case BlockKind::kTerm: name = "term" + std::to_string(block.level); break;
      case BlockKind::kParagraph:
        name = block.level ? "p" + std::to_string(block.level) : "p";
        break;
      case BlockKind::kListItem: name = "li"; break;
      case BlockKind::kCode: name = "code"; break;
      case BlockKind::kTableRow: name = "row"; break;
    }
    found.push_back(name + " " +
                    extracted->text.substr(block.span.start, block.span.end - block.span.start));
  }
  return found;
}

using Blocks = std::vector<std::string>;

std::string title(std::string_view bytes, MediaType type) {
  const auto extracted = extract_text(bytes, type);
  return extracted ? extracted->title : "error";
}

ErrorCode refusal(std::string_view bytes, MediaType type) {
  const auto extracted = extract_text(bytes, type);
  EXPECT_FALSE(extracted) << testing::PrintToString(bytes.substr(0, 40));
  return extracted ? ErrorCode::kInternal : extracted.error().code;
}

// A page as DocBook makes them, navigation and all.
constexpr std::string_view kManualPage = R"(<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "xhtml1-transitional.dtd">
<html><head><meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
<title>27.2.&#160;Standby &amp; Servers</title><style>p { color: red }</style></head>
<body id="docContent"><div class="navheader"><table><tr><th>Chapter 27</th></tr>
<tr><td><a href="x">Prev</a> <div>nested</div></td></tr></table><hr /></div>
<div class="sect1"><div class="titlepage"><div><div><h2 class="title">27.2.&#160;Standby &amp; Servers
<a class="id_link" href="#x">#</a></h2></div></div></div>
<div class="toc"><dl><dt>27.2.1. Planning</dt></dl></div>
<p>Continuous   archiving
can be <span class="emphasis"><em>used</em></span>.</p>
<div class="note"><h3 class="title">Note</h3><p>Mind this.</p></div>
<pre class="screen">
$ <b>pg_ctl</b> start
  ok &lt;1&gt;
</pre>
<div class="variablelist"><dl class="variablelist">
<dt><span class="term"><code>wal_level</code></span></dt><dd><p>How much.</p><p>More.</p></dd>
</dl></div><p>After.</p>
<ul><li><p>One</p></li><li>Two<p>and a half</p></li></ul>
<table><thead><tr><th>Name</th><th>Type</th></tr></thead>
<tbody><tr><td><p>id</p></td><td>integer<br>or not</td></tr></tbody></table>
</div><div class="navfooter"><p>Next</p></div><script>if (a < b) { "</p>" }</script></body></html>)";

TEST(HtmlExtractor, KeepsThePageAndItsStructureAndLeavesOutTheNavigation) {
  EXPECT_EQ(blocks(kManualPage, kHtml),
            (Blocks{"h2 27.2. Standby & Servers", "p Continuous archiving can be used.", "p Note",
                    "p Mind this.", "code $ pg_ctl start\n  ok <1>", "term1 wal_level",
                    "p1 How much.", "p1 More.", "p After.", "li - One", "li - Two", "p and a half",
                    "row Name | Type", "row id | integer\nor not"}));
  EXPECT_EQ(title(kManualPage, kHtml), "27.2. Standby & Servers");
}

TEST(HtmlExtractor, TheTitleIsTheFirstHeadingOfThePageWhenThereIsNone) {
  EXPECT_EQ(title("<h2>b</h2><h1>a</h1><h1>c</h1>", kHtml), "a");
  EXPECT_EQ(title("<title> \n </title><h3>x</h3><p>y", kHtml), "x");
  EXPECT_EQ(title("<p>nothing", kHtml), "");
}

TEST(HtmlExtractor, SkipsHeadersAndFootersOnlyOutsideOfTheArticle) {
  EXPECT_EQ(blocks("<header>site</header><nav>n</nav><main><header><h1>t</h1></header>text"
                   "<footer>note</footer></main><footer>legal</footer>",
                   kHtml),
            (Blocks{"h1 t", "p text", "p note"}));
}

TEST(HtmlExtractor, APageOfNothingButNavigationIsReadWhole) {
  EXPECT_EQ(blocks("<title>Index</title><nav><ul><li>A<li>B</ul></nav>", kHtml),
            (Blocks{"li - A", "li - B"}));
  EXPECT_EQ(refusal("<title>t</title><script>x</script>", kHtml), ErrorCode::kInvalidField);
}

TEST(HtmlExtractor, ReadsWhatIsNotWellFormed) {
  EXPECT_EQ(blocks("<p>a<p>b<ul><li>c<li>d</ul>e", kHtml),
            (Blocks{"p a", "p b", "li - c", "li - d", "p e"}));
  EXPECT_EQ(
      blocks("a < b, <3 & c <b>d</i> </ x>e<!-- c -- > <p>no</p> --> f <![CDATA[g]]> h", kHtml),
      (Blocks{"p a < b, <3 & c d e f h"}));
  EXPECT_EQ(blocks("text <a href='x>y' title=\"</p>&quot;\" don't>link</a> <p class=a/>z", kHtml),
            (Blocks{"p text link", "p z"}));
  EXPECT_EQ(blocks("kept <b unfinished='", kHtml), Blocks{"p kept"});
  EXPECT_EQ(blocks("kept <!-- unfinished", kHtml), Blocks{"p kept"});
  EXPECT_EQ(blocks("kept <script>unfinished </scriptx>", kHtml), Blocks{"p kept"});
  EXPECT_EQ(blocks("<DIV CLASS=\"x NavHeader\">a</DIV><div class='x navheader'>b</div>c", kHtml),
            (Blocks{"p a", "p c"}));
  EXPECT_EQ(blocks("<div class=toc><div>a</div>b</div>c<div class=toc>d</body>e", kHtml),
            (Blocks{"p c", "p e"}));
}

TEST(HtmlExtractor, ReplacesCharacterReferencesAsBrowsersDo) {
  EXPECT_EQ(blocks("&lt;&#60;&#x3C;&#X3c; &amp;amp; &AMP &copy2 &notit; &notin; &nosuch; &; &#; "
                   "&#128; &#0; &#xD800; &#99999999999; &nbsp;&rarr;&NotEqualTilde;",
                   kHtml),
            Blocks{"p <<<< &amp; & ©2 ¬it; ∉ &nosuch; &; &#; € \ufffd \ufffd \ufffd →≂̸"});
}

TEST(HtmlExtractor, ReadsTheEncodingsThatPagesDeclare) {
  const Blocks expected{"p é–"};
  EXPECT_EQ(blocks("<meta charset=utf-8>\xc3\xa9\xe2\x80\x93", kHtml), expected);
  EXPECT_EQ(blocks("\xef\xbb\xbf<meta charset=latin1>\xc3\xa9\xe2\x80\x93", kHtml), expected);
  EXPECT_EQ(blocks("<meta charset='ISO-8859-1'>\xe9\x96", kHtml), expected);
  EXPECT_EQ(
      blocks("<META http-equiv=content-type content='text/html; charset=Windows-1252'>\xe9\x96",
             kHtml),
      expected);
  EXPECT_EQ(blocks("<?xml version='1.0' encoding='iso-8859-1'?><p>\xe9\x96", kHtml), expected);
  EXPECT_EQ(blocks("<p>\xe9\x96", kHtml), expected);
  EXPECT_EQ(blocks("<p>\xc3\xa9\xe2\x80\x93", kHtml), expected);
  EXPECT_EQ(refusal("<meta charset=utf-8>\xe9", kHtml), ErrorCode::kMalformedRequest);
  EXPECT_EQ(refusal("<meta charset=shift_jis>\x83\x65", kHtml), ErrorCode::kUnsupportedMediaType);
}

TEST(MarkdownExtractor, KeepsTheStructureAndLeavesOutTheMarkup) {
  constexpr std::string_view kPage = R"(---
layout: page
title: "The Page"
---
# Setting up

Some *emphasised* `code`, a [link](http://x.org "t") &amp;
a ![picture](p.png).  
New line.

Second level
------------

- one
- two

  more of two
1. first

```sql
SELECT 1;

  SELECT 2;
```

| a | b |
|---|---|
| 1 | 2 |

> quoted

<div class="navheader">skip</div>
<p>kept &lt;html&gt;</p>
)";
  EXPECT_EQ(blocks(kPage, kMarkdown),
            (Blocks{"h1 Setting up", "p Some emphasised code, a link & a picture.\nNew line.",
                    "h2 Second level", "li - one", "li - two", "p more of two", "li - first",
                    "code SELECT 1;\n\n  SELECT 2;", "row a | b", "row 1 | 2", "p quoted",
                    "p kept <html>"}));
  EXPECT_EQ(title(kPage, kMarkdown), "The Page");
  EXPECT_EQ(title("+++\ntitle = 'T'\n+++\ntext", kMarkdown), "T");
  EXPECT_EQ(title("text\n\n# Heading\n", kMarkdown), "Heading");
  EXPECT_EQ(blocks("---\nno end", kMarkdown), (Blocks{"p no end"}));
  EXPECT_EQ(blocks("---\n---\nx", kMarkdown), (Blocks{"p x"}));
}

// A hundred cells for every two bytes; a long link for every four.
TEST(MarkdownExtractor, ReadsWhatWouldCostFarMoreThanItsSizeAsPlainText) {
  std::string cells;
  for (int i = 0; i < 100; ++i) cells += "a|";
  cells += "\n";
  for (int i = 0; i < 100; ++i) cells += "---|";
  cells += "\n";
  for (int i = 0; i < 1500; ++i) cells += "x\n";
  EXPECT_EQ(blocks(cells.substr(0, 622), kMarkdown).back(), "row x");
  EXPECT_EQ(blocks(cells, kMarkdown).size(), 1u);
  std::string links = "[a]: /" + std::string(100'000, 'x') + "\n\n";
  for (int i = 0; i < 1000; ++i) links += "[a] ";
  EXPECT_TRUE(blocks(links, kMarkdown).back().starts_with("p [a] [a] "));
}

TEST(MarkdownExtractor, ReadsEndlessParagraphsAsPlainTextInLinearTime) {
  std::string bytes = "---\ntitle: T\n---\n# Head\n\n";
  while (bytes.size() < (1 << 20)) bytes += "[a]\n";
  EXPECT_EQ(blocks(bytes, kMarkdown).front(), "p # Head");
  EXPECT_EQ(title(bytes, kMarkdown), "T");
  // A list is many paragraphs, not one.
  bytes.clear();
  for (int i = 0; i < 5000; ++i) bytes += "- [a](b)\n";
  EXPECT_EQ(blocks(bytes, kMarkdown).at(4999), "li - a");
}

TEST(PlainTextExtractor, PartsParagraphsAtBlankLinesAndKeepsTheirLines) {
  EXPECT_EQ(blocks("\n one\ntwo  \n \t \nthree\n\n    code\n      more\n", kPlain),
            (Blocks{"p one\ntwo", "p three", "code code\n      more"}));
  EXPECT_EQ(title("one\n\ntwo", kPlain), "");
}

TEST(PlainTextExtractor, TakesUnderlinedLinesForHeadings) {
  EXPECT_EQ(blocks("Top\n===\ntext\n\nBelow\n-----\nmore\n\nAgain\n=====\n", kPlain),
            (Blocks{"h1 Top", "p text", "h2 Below", "p more", "h1 Again"}));
  EXPECT_EQ(title("Top\n===\ntext", kPlain), "Top");
  // A rule below a long line, a table's line, and dots are no underlines.
  EXPECT_EQ(blocks("a long line of text here\n---\nx", kPlain),
            Blocks{"p a long line of text here\n---\nx"});
  EXPECT_EQ(blocks("----\n----\n", kPlain), Blocks{"p ----\n----"});
}

TEST(Extractor, LineBreaksAndByteOrderMarksMakeNoDifference) {
  for (const MediaType type : {kPlain, kMarkdown, kHtml}) {
    const Blocks expected = blocks("a\nb\n\nc", type);
    EXPECT_EQ(blocks("a\r\nb\r\n\r\nc", type), expected);
    EXPECT_EQ(blocks("a\rb\r\rc", type), expected);
    EXPECT_EQ(blocks("\xef\xbb\xbf"
                     "a\nb\n\nc",
                     type),
              expected);
  }
}

TEST(Extractor, WhatIsNoTextIsRefusedClearly) {
  for (const MediaType type : {kPlain, kMarkdown, kHtml}) {
    EXPECT_EQ(refusal("", type), ErrorCode::kInvalidField);
    EXPECT_EQ(refusal("%PDF-1.4 x", type), ErrorCode::kUnsupportedMediaType);
    EXPECT_EQ(refusal("text\0text"s, type), ErrorCode::kUnsupportedMediaType);
    EXPECT_EQ(refusal("\xff\xfeh\0i\0"s, type), ErrorCode::kUnsupportedMediaType);
    EXPECT_EQ(refusal("\x1f\x8b\x08", type), ErrorCode::kUnsupportedMediaType);
    EXPECT_EQ(refusal(std::string(kMaxDocumentBytes + 1, 'a'), type), ErrorCode::kTooLarge);
  }
  EXPECT_EQ(refusal("caf\xe9", kPlain), ErrorCode::kMalformedRequest);
  EXPECT_EQ(refusal("caf\xe9", kMarkdown), ErrorCode::kMalformedRequest);
}

TEST(Extractor, ALongTitleIsCutAtACharacter) {
  std::string long_title = "x";
  while (long_title.size() < 5000) long_title += "é";
  const std::string got = title("<title>" + long_title + "</title>a", kHtml);
  EXPECT_EQ(got, long_title.substr(0, 1023));
}

TEST(MediaType, IsGuessedFromTheNameAndOtherwiseFromTheBytes) {
  EXPECT_EQ(guess_media_type("a/b.HTML", "x"), kHtml);
  EXPECT_EQ(guess_media_type("b.htm", ""), kHtml);
  EXPECT_EQ(guess_media_type("README.md", "<html>"), kMarkdown);
  EXPECT_EQ(guess_media_type("x.rst", "x"), kPlain);
  EXPECT_EQ(guess_media_type("README", "Read me."), kPlain);
  EXPECT_EQ(guess_media_type("perlfaq1.pod", "=head1"), kPlain);
  EXPECT_EQ(guess_media_type("page", "\n<!DOCTYPE HTML><p>"), kHtml);
  EXPECT_EQ(guess_media_type("page.php", "  <html lang=en>"), kHtml);
  EXPECT_EQ(guess_media_type("a.b/c", "text"), kPlain);
  EXPECT_EQ(guess_media_type("logo.PNG", "text"), std::nullopt);
  EXPECT_EQ(guess_media_type("style.css", "p {}"), std::nullopt);
  EXPECT_EQ(guess_media_type("thing",
                             "\x7f"
                             "ELF\2"),
            std::nullopt);
  EXPECT_EQ(guess_media_type("thing", "a\0b"s), std::nullopt);
  EXPECT_EQ(guess_media_type("thing", "latin \xe9 text"), std::nullopt);
  EXPECT_EQ(guess_media_type("thing", std::string(4095, 'a') + "é and on"), kPlain);
}

} // namespace
} // namespace raglan::ingest

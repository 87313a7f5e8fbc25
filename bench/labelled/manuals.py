"""Labelled retrieval collections in BEIR's layout, made from manuals that Debian ships.

    python3 bench/labelled/manuals.py .deps/corpora OUT

Each question has one right document, by the manual's own structure: nobody judged anything.
  faq        perlfaq1-9 and Python's FAQ: a question -> its answer            (whole questions)
  reference  PostgreSQL's reference pages: their purpose -> the page           (short descriptions)
  sections   PostgreSQL's manual, every third page: a section's title -> its text (few words)
  glossary   PostgreSQL's and Python's glossaries: "What is TERM?" -> its definition
What the question was taken from is left out of the document.
"""

import html.parser
import json
import pathlib
import re
import sys

VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "wbr"}
BLOCK = {"p", "div", "section", "li", "dt", "dd", "pre", "tr", "table", "ul", "ol", "dl", "h1", "h2", "h3", "h4", "h5"}
HEADINGS = {"h1", "h2", "h3", "h4", "h5"}


class Element:
    def __init__(self, tag, attributes=()):
        self.tag, self.attributes, self.children = tag, dict(attributes), []

    def has_class(self, name):
        return name in (self.attributes.get("class") or "").split()

    def find_all(self, wanted):
        """Elements for which `wanted` holds, in document order, nested ones included."""
        for child in self.children:
            if isinstance(child, Element):
                if wanted(child):
                    yield child
                yield from child.find_all(wanted)

    def text(self, skip=lambda element: False):
        parts = []
        self._collect(parts, skip)
        lines = (re.sub(r"[ \t\u00a0]+", " ", line).strip() for line in "".join(parts).split("\n"))
        return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()

    def _collect(self, parts, skip):
        for child in self.children:
            if isinstance(child, str):
                parts.append(child if self.tag == "pre" else child.replace("\n", " "))
            elif not skip(child):
                block = child.tag in BLOCK
                parts.append("\n" if block else "")
                child._collect(parts, skip)
                parts.append("\n" if block else "")


class TreeBuilder(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.root = Element("root")
        self.open = [self.root]

    def handle_starttag(self, tag, attributes):
        element = Element(tag, attributes)
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag, attributes):
        self.open[-1].children.append(Element(tag, attributes))

    def handle_endtag(self, tag):
        for depth in range(len(self.open) - 1, 0, -1):
            if self.open[depth].tag == tag:
                del self.open[depth:]
                return

    def handle_data(self, data):
        self.open[-1].children.append(data)


def read_html(path):
    builder = TreeBuilder()
    builder.feed(path.read_text(encoding="utf-8"))
    return builder.root


def one_line(text):
    return re.sub(r"\s+", " ", text).strip()


def pod_text(pod):
    """The text of a piece of POD: formatting codes resolved, directives dropped."""
    lines = [line for line in pod.split("\n") if not line.startswith("=")]
    text = "\n".join(lines)
    text = re.sub(r"X<[^<>]*>", "", text)  # the index
    for _ in range(4):  # codes nest: innermost first
        text = re.sub(r"[BCFIS]<<+\s(.*?)\s>>+|[BCFIS]<([^<>]*)>", lambda m: m[1] or m[2] or "", text)
        text = re.sub(r"L<(?:([^<>|]*)\|)?([^<>]*)>", lambda m: m[1] or m[2], text)
        text = re.sub(r"E<(lt|gt|sol|verbar)>", lambda m: {"lt": "<", "gt": ">", "sol": "/", "verbar": "|"}[m[1]], text)
    return text.strip()


def perl_faq(corpora):
    for path in sorted(corpora.glob("perl-doc/usr/share/perl/*/pod/perlfaq[1-9].pod")):
        for part in re.split(r"^=head2 ", path.read_text(encoding="utf-8"), flags=re.M)[1:]:
            question, _, answer = part.partition("\n\n")
            answer = re.split(r"^=head1 ", answer, flags=re.M)[0]
            yield one_line(pod_text(" " + question)), pod_text(answer)


def python_faq(corpora):
    for path in sorted(corpora.glob("python3.11-doc/usr/share/doc/python3.11/html/faq/*.html")):
        for section in read_html(path).find_all(lambda e: e.tag == "section"):
            if any(True for _ in section.find_all(lambda e: e.tag == "section")):
                continue  # a chapter of questions, or a question in parts
            heading = next(section.find_all(lambda e: e.tag in HEADINGS), None)
            question = one_line(heading.text()).rstrip("¶") if heading else ""
            if question.endswith("?"):
                yield question, section.text(skip=lambda e: e.tag in HEADINGS)


def postgresql_pages(corpora):
    for path in sorted(corpora.glob("postgresql-doc-15/usr/share/doc/postgresql-doc-15/html/*.html")):
        yield path, read_html(path)


def reference(corpora):
    for _, page in postgresql_pages(corpora):
        entry = next(page.find_all(lambda e: e.has_class("refnamediv")), None)
        if entry is None:
            continue
        _, dash, purpose = one_line(entry.text()).partition(" — ")
        body = next(page.find_all(lambda e: e.has_class("refentry")))
        if dash:
            yield purpose, body.text(skip=lambda e: e is entry or e.has_class("titlepage"))


def is_section(element):
    return re.fullmatch("sect[123]", element.attributes.get("class") or "") is not None


def sections(corpora):
    for number, (path, page) in enumerate(postgresql_pages(corpora)):
        if number % 3 or path.name.startswith(("release-", "sql-keywords", "features-", "biblio")):
            continue
        for section in page.find_all(is_section):
            heading = next(section.find_all(lambda e: e.has_class("title")), None)
            if heading is None:
                continue
            title = re.sub(r"^[A-Z]?[\d.]+\s*", "", one_line(heading.text()))
            yield title, section.text(skip=lambda e: is_section(e) or e.has_class("titlepage") or e.has_class("toc"))


def glossary(corpora):
    documents = "usr/share/doc/{0}/html/glossary.html"
    for package in ("postgresql-doc-15", "python3.11"):
        path = next(corpora.glob("*/" + documents.format(package)))
        term = ""
        for element in read_html(path).find_all(lambda e: e.tag in ("dt", "dd")):
            if element.tag == "dt":
                term = one_line(element.text()).rstrip("¶")
            else:
                yield f"What is {term}?", element.text()


def write_collection(folder, pairs, min_characters=80):
    """Leaves out stubs ("See ...") and questions that stand more than once: their labels would lie."""
    pairs = [(question, text) for question, text in pairs if question and len(text) >= min_characters]
    asked = {}
    for question, _ in pairs:
        asked[question.lower()] = asked.get(question.lower(), 0) + 1
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    with (
        (folder / "corpus.jsonl").open("w", encoding="utf-8") as corpus,
        (folder / "queries.jsonl").open("w", encoding="utf-8") as queries,
        (folder / "qrels/test.tsv").open("w", encoding="utf-8") as qrels,
    ):
        qrels.write("query-id\tcorpus-id\tscore\n")
        questions = 0
        for number, (question, text) in enumerate(pairs):
            corpus.write(json.dumps({"_id": f"d{number}", "title": "", "text": text}, ensure_ascii=False) + "\n")
            if asked[question.lower()] == 1:
                questions += 1
                queries.write(json.dumps({"_id": f"q{number}", "text": question}, ensure_ascii=False) + "\n")
                qrels.write(f"q{number}\td{number}\t1\n")
    print(f"{folder.name}: {len(pairs)} documents, {questions} questions")


def main():
    corpora, out = map(pathlib.Path, sys.argv[1:])
    write_collection(out / "faq", [*perl_faq(corpora), *python_faq(corpora)])
    write_collection(out / "reference", reference(corpora))
    write_collection(out / "sections", sections(corpora))
    write_collection(out / "glossary", glossary(corpora))


if __name__ == "__main__":
    main()

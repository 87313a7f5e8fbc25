"""Connections that parsers are known to disagree on, and where Raglan means to."""

import random

HOST = b"Host: x\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: x\r\n\r\n"


def get(line=b"GET /a HTTP/1.1", fields=HOST, end=b"\r\n"):
    return line + b"\r\n" + fields + end


def post(fields, body=b""):
    return b"POST /a HTTP/1.1\r\n" + HOST + fields + b"\r\n" + body


def chunked(body, fields=b"Transfer-Encoding: chunked\r\n"):
    return post(fields, body)


CASES = [
    # What everybody must read alike.
    ("plain", get()),
    ("two", get() + NEXT),
    ("query", get(b"GET /a?b=c&d=%20 HTTP/1.1")),
    ("absolute-form", get(b"GET http://x/a?b HTTP/1.1")),
    ("options-asterisk", get(b"OPTIONS * HTTP/1.1")),
    ("length", post(b"Content-Length: 5\r\n", b"abcde") + NEXT),
    ("length-zero", post(b"Content-Length: 0\r\n") + NEXT),
    ("length-zero-padded", post(b"Content-Length: 005\r\n", b"abcde") + NEXT),
    ("length-blanks", post(b"Content-Length:  \t5 \t\r\n", b"abcde") + NEXT),
    ("length-short", post(b"Content-Length: 5\r\n", b"abc")),
    ("no-length", post(b"", b"") + NEXT),
    ("chunks", chunked(b"3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n") + NEXT),
    ("chunk-zero-padded", chunked(b"00003\r\nabc\r\n0\r\n\r\n") + NEXT),
    ("chunk-zeros", chunked(b"3\r\nabc\r\n000\r\n\r\n") + NEXT),
    ("chunk-upper-coding", chunked(b"3\r\nabc\r\n0\r\n\r\n", b"transfer-encoding: CHUNKED\r\n") + NEXT),
    ("chunk-extension", chunked(b"3;a=b\r\nabc\r\n0\r\n\r\n") + NEXT),
    ("chunk-extension-quoted", chunked(b'3;a="b;c"\r\nabc\r\n0\r\n\r\n') + NEXT),
    ("chunk-extension-name", chunked(b"3;a\r\nabc\r\n0;last\r\n\r\n") + NEXT),
    ("chunk-trailer", chunked(b"0\r\nA: b\r\n\r\n") + NEXT),
    ("chunk-short", chunked(b"5\r\nabc")),
    ("chunk-size-cut", chunked(b"5")),
    ("chunk-no-last", chunked(b"3\r\nabc\r\n")),
    ("empty-lines-first", b"\r\n\r\n" + get()),
    ("close", get(fields=HOST + b"Connection: close\r\n") + NEXT),
    ("close-among", get(fields=HOST + b"Connection: x, Close ,y\r\n") + NEXT),
    ("http10", get(b"GET /a HTTP/1.0", b"") + NEXT),
    ("http10-keep-alive", get(b"GET /a HTTP/1.0", b"Connection: keep-alive\r\n") + NEXT),
    ("field-empty", get(fields=HOST + b"A:\r\n")),
    ("field-tab", get(fields=HOST + b"A:\tb\tc\t\r\n")),
    ("field-latin1", get(fields=HOST + b"A: \xe9\xff\r\n")),
    ("field-colons", get(fields=HOST + b"A: b: c:\r\n")),
    ("nothing", b""),
    ("cut-line", b"GET /a HT"),
    ("cut-field", b"GET /a HTTP/1.1\r\nHost: x\r\nA: b"),
    ("cut-end", b"GET /a HTTP/1.1\r\nHost: x\r\n\r"),

    # Length against coding.
    ("both", post(b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n") + NEXT),
    ("both-reversed", post(b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n") + NEXT),
    ("both-zero", post(b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n") + NEXT),
    ("both-other-coding", post(b"Content-Length: 5\r\nTransfer-Encoding: identity\r\n", b"abcde") + NEXT),
    ("lengths-differ", post(b"Content-Length: 5\r\nContent-Length: 6\r\n", b"abcdef") + NEXT),
    ("lengths-equal", post(b"Content-Length: 5\r\nContent-Length: 5\r\n", b"abcde") + NEXT),
    ("lengths-listed", post(b"Content-Length: 5, 5\r\n", b"abcde") + NEXT),
    ("lengths-listed-differ", post(b"Content-Length: 5, 6\r\n", b"abcdef") + NEXT),
    ("length-plus", post(b"Content-Length: +5\r\n", b"abcde") + NEXT),
    ("length-minus", post(b"Content-Length: -5\r\n", b"abcde") + NEXT),
    ("length-hex", post(b"Content-Length: 0x5\r\n", b"abcde") + NEXT),
    ("length-space-within", post(b"Content-Length: 5 0\r\n", b"abcde") + NEXT),
    ("length-empty", post(b"Content-Length:\r\n") + NEXT),
    ("length-fraction", post(b"Content-Length: 5.0\r\n", b"abcde") + NEXT),
    ("length-words", post(b"Content-Length: five\r\n") + NEXT),
    ("length-2-to-64", post(b"Content-Length: 18446744073709551616\r\n", b"")),
    ("length-wraps", post(b"Content-Length: 18446744073709551621\r\n", b"abcde") + NEXT),
    ("length-vertical-tab", post(b"Content-Length: \x0b5\r\n", b"abcde") + NEXT),
    ("length-form-feed", post(b"Content-Length: 5\x0c\r\n", b"abcde") + NEXT),
    ("length-no-break-space", post(b"Content-Length: \xa05\r\n", b"abcde") + NEXT),
    ("length-arabic-digit", post("Content-Length: \u0665\r\n".encode(), b"abcde") + NEXT),

    # The transfer coding, hidden or doubled.
    ("coding-twice", post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n") + NEXT),
    ("coding-listed-twice", post(b"Transfer-Encoding: chunked, chunked\r\n", b"0\r\n\r\n") + NEXT),
    ("coding-gzip", post(b"Transfer-Encoding: gzip\r\n", b"0\r\n\r\n") + NEXT),
    ("coding-gzip-chunked", post(b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n") + NEXT),
    ("coding-gzip-and-chunked", post(b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n") + NEXT),
    ("coding-chunked-gzip", post(b"Transfer-Encoding: chunked, gzip\r\n", b"0\r\n\r\n") + NEXT),
    ("coding-chunked-identity", post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", b"0\r\n\r\n") + NEXT),
    ("coding-identity", post(b"Transfer-Encoding: identity\r\n", b"") + NEXT),
    ("coding-empty", post(b"Transfer-Encoding:\r\n", b"") + NEXT),
    ("coding-comma", post(b"Transfer-Encoding: ,chunked\r\n", b"0\r\n\r\n") + NEXT),
    ("coding-quoted", post(b'Transfer-Encoding: "chunked"\r\n', b"0\r\n\r\n") + NEXT),
    ("coding-parameter", post(b"Transfer-Encoding: chunked;q=1\r\n", b"0\r\n\r\n") + NEXT),
    ("coding-prefix", post(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n") + NEXT),
    ("coding-suffix", post(b"Transfer-Encoding: chunkedx\r\n", b"0\r\n\r\n") + NEXT),
    ("coding-vertical-tab", post(b"Transfer-Encoding: \x0bchunked\r\n", b"0\r\n\r\n") + NEXT),
    ("coding-nul", post(b"Transfer-Encoding: chunked\x00\r\n", b"0\r\n\r\n") + NEXT),
    ("coding-blank-before-colon", post(b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n") + NEXT),
    ("coding-tab-before-colon", post(b"Transfer-Encoding\t: chunked\r\n", b"0\r\n\r\n") + NEXT),
    ("coding-leading-blank", post(b" Transfer-Encoding: chunked\r\n", b"0\r\n\r\n") + NEXT),
    ("coding-underscore", post(b"Transfer_Encoding: chunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n") + NEXT),
    ("coding-folded", post(b"Transfer-Encoding:\r\n chunked\r\n", b"0\r\n\r\n") + NEXT),
    ("coding-after-fold", post(b"A: b\r\n Transfer-Encoding: chunked\r\n", b"") + NEXT),
    ("coding-after-cr", post(b"A: b\rTransfer-Encoding: chunked\r\n", b"0\r\n\r\n") + NEXT),
    ("coding-after-lf", post(b"A: b\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n") + NEXT),
    ("coding-http10", b"POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n" + NEXT),
    ("coding-get", b"GET /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" + NEXT),

    # Chunks.
    ("chunk-size-plus", chunked(b"+3\r\nabc\r\n0\r\n\r\n") + NEXT),
    ("chunk-size-minus", chunked(b"-3\r\nabc\r\n0\r\n\r\n") + NEXT),
    ("chunk-size-0x", chunked(b"0x3\r\nabc\r\n0\r\n\r\n") + NEXT),
    ("chunk-size-underscore", chunked(b"0_3\r\nabc\r\n0\r\n\r\n") + NEXT),
    ("chunk-size-empty", chunked(b"\r\nabc\r\n0\r\n\r\n") + NEXT),
    ("chunk-size-only-extension", chunked(b";a\r\nabc\r\n0\r\n\r\n") + NEXT),
    ("chunk-size-blank-before", chunked(b" 3\r\nabc\r\n0\r\n\r\n") + NEXT),
    ("chunk-size-blank-after", chunked(b"3 \r\nabc\r\n0\r\n\r\n") + NEXT),
    ("chunk-size-blank-extension", chunked(b"3 ;a\r\nabc\r\n0\r\n\r\n") + NEXT),
    ("chunk-size-wraps", chunked(b"10000000000000003\r\nabc\r\n0\r\n\r\n") + NEXT),
    ("chunk-size-bare-lf", chunked(b"3\nabc\r\n0\r\n\r\n") + NEXT),
    ("chunk-size-bare-cr", chunked(b"3\rabc\r\n0\r\n\r\n") + NEXT),
    ("chunk-end-bare-lf", chunked(b"3\r\nabc\n0\r\n\r\n") + NEXT),
    ("chunk-end-missing", chunked(b"3\r\nabc0\r\n\r\n") + NEXT),
    ("chunk-end-other", chunked(b"3\r\nabcXX0\r\n\r\n") + NEXT),
    ("chunk-longer", chunked(b"3\r\nabcd\r\n0\r\n\r\n") + NEXT),
    ("chunk-extension-lf", chunked(b"3;a\nb\r\nabc\r\n0\r\n\r\n") + NEXT),
    ("chunk-extension-cr", chunked(b"3;a\rb\r\nabc\r\n0\r\n\r\n") + NEXT),
    ("chunk-extension-nul", chunked(b"3;a\x00b\r\nabc\r\n0\r\n\r\n") + NEXT),
    ("chunk-extension-open-quote", chunked(b'3;a="b\r\nabc\r\n0\r\n\r\n') + NEXT),
    ("chunk-extension-long", chunked(b"3;" + b"a" * 20000 + b"\r\nabc\r\n0\r\n\r\n") + NEXT),
    ("chunk-last-bare-lf", chunked(b"0\n\n") + NEXT),
    ("chunk-trailer-bad", chunked(b"0\r\nbad trailer\r\n\r\n") + NEXT),
    ("chunk-trailer-coding", chunked(b"0\r\nTransfer-Encoding: gzip\r\n\r\n") + NEXT),
    ("chunk-trailer-length", chunked(b"0\r\nContent-Length: 9\r\n\r\n") + NEXT),
    ("chunk-trailers-many", chunked(b"0\r\n" + b"A: b\r\n" * 5000 + b"\r\n") + NEXT),

    # Lines.
    ("bare-lf-line", b"GET /a HTTP/1.1\nHost: x\r\n\r\n" + NEXT),
    ("bare-lf-field", b"GET /a HTTP/1.1\r\nHost: x\n\r\n" + NEXT),
    ("bare-lf-end", b"GET /a HTTP/1.1\r\nHost: x\r\n\n" + NEXT),
    ("bare-lf-all", b"GET /a HTTP/1.1\nHost: x\n\n" + NEXT),
    ("bare-cr-end", b"GET /a HTTP/1.1\r\nHost: x\r\n\rX" + NEXT),
    ("cr-cr-lf", b"GET /a HTTP/1.1\r\nHost: x\r\r\n\r\n" + NEXT),
    ("bare-lf-first", b"\n" + get()),
    ("bare-cr-first", b"\r" + get()),
    ("nul-first", b"\x00" + get()),
    ("empty-lines-between", get() + b"\r\n\r\n" + NEXT),
    ("fold", get(fields=HOST + b"A: b\r\n c\r\n") + NEXT),
    ("fold-tab", get(fields=HOST + b"A: b\r\n\tc\r\n") + NEXT),
    ("fold-first", b"GET /a HTTP/1.1\r\n Host: x\r\n\r\n" + NEXT),
    ("fold-empty", get(fields=HOST + b"A: b\r\n \r\n") + NEXT),
    ("line-only-colon", get(fields=HOST + b":\r\n")),
    ("line-no-name", get(fields=HOST + b": b\r\n")),
    ("line-no-colon", get(fields=HOST + b"A\r\n")),
    ("name-blank", get(fields=HOST + b"A B: c\r\n")),
    ("name-nul", get(fields=HOST + b"A\x00: c\r\n")),
    ("name-high", get(fields=HOST + b"A\xe9: c\r\n")),
    ("name-paren", get(fields=HOST + b"A(: c\r\n")),
    ("name-slash", get(fields=HOST + b"A/B: c\r\n")),
    ("name-every-token-character", get(fields=HOST + b"!#$%&'*+-.^_`|~09azAZ: c\r\n")),
    ("value-nul", get(fields=HOST + b"A: b\x00c\r\n")),
    ("value-bell", get(fields=HOST + b"A: b\x07c\r\n")),
    ("value-delete", get(fields=HOST + b"A: b\x7fc\r\n")),
    ("value-cr", get(fields=HOST + b"A: b\rc\r\n")),

    # The request line.
    ("line-two-blanks", get(b"GET  /a HTTP/1.1")),
    ("line-two-blanks-later", get(b"GET /a  HTTP/1.1")),
    ("line-tab", get(b"GET\t/a\tHTTP/1.1")),
    ("line-blank-first", get(b" GET /a HTTP/1.1")),
    ("line-blank-last", get(b"GET /a HTTP/1.1 ")),
    ("line-no-version", b"GET /a\r\n\r\n" + NEXT),
    ("line-no-target", get(b"GET HTTP/1.1")),
    ("target-blank", get(b"GET /a b HTTP/1.1")),
    ("target-relative", get(b"GET a HTTP/1.1")),
    ("target-asterisk", get(b"GET * HTTP/1.1")),
    ("target-fragment", get(b"GET /a#b HTTP/1.1")),
    ("target-nul", get(b"GET /a\x00b HTTP/1.1")),
    ("target-control", get(b"GET /a\x01b HTTP/1.1")),
    ("target-delete", get(b"GET /a\x7fb HTTP/1.1")),
    ("target-high", get(b"GET /a\xe9b HTTP/1.1")),
    ("target-backslash", get(b"GET /a\\b HTTP/1.1")),
    ("target-ftp", get(b"GET ftp://x/ HTTP/1.1")),
    ("target-userinfo", get(b"GET http://u@x/ HTTP/1.1")),
    ("connect", get(b"CONNECT x:80 HTTP/1.1")),
    ("method-lower", get(b"get /a HTTP/1.1")),
    ("method-unknown", get(b"FROBNICATE /a HTTP/1.1")),
    ("method-bad", get(b"G(T /a HTTP/1.1")),
    ("method-empty", get(b" /a HTTP/1.1")),
    ("version-12", get(b"GET /a HTTP/1.2")),
    ("version-20", get(b"GET /a HTTP/2.0")),
    ("version-09", get(b"GET /a HTTP/0.9")),
    ("version-lower", get(b"GET /a http/1.1")),
    ("version-short", get(b"GET /a HTTP/1")),
    ("version-long", get(b"GET /a HTTP/1.10")),
    ("version-zero-padded", get(b"GET /a HTTP/01.1")),
    ("http2-preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("tls", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),

    # Host, Connection, Expect, Upgrade.
    ("host-missing", get(fields=b"")),
    ("host-missing-http10", get(b"GET /a HTTP/1.0", b"")),
    ("host-twice", get(fields=b"Host: a\r\nHost: b\r\n")),
    ("host-empty", get(fields=b"Host:\r\n")),
    ("close-and-keep-alive", get(fields=HOST + b"Connection: close\r\nConnection: keep-alive\r\n") + NEXT),
    ("expect-other", post(b"Expect: tea\r\nContent-Length: 1\r\n", b"a") + NEXT),
    ("upgrade", get(fields=HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n") + NEXT),
    ("upgrade-h2c", post(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nContent-Length: 1\r\n", b"a") + NEXT),
    ("fields-many", get(fields=HOST + b"A: b\r\n" * 200)),
    ("field-long", get(fields=HOST + b"A: " + b"b" * 40000 + b"\r\n")),
    ("target-long", get(b"GET /" + b"a" * 9000 + b" HTTP/1.1")),
]

# Where Raglan refuses what a reference accepts: {why: "case/reference …"}.
STRICTER = {
    # RFC 9112, 6.3 lets a server refuse it, and another on the path may go by the other field.
    "a length beside a transfer coding": "both/h11 both-reversed/h11 both-zero/h11",
    "a length twice, even the same": "lengths-equal/h11 lengths-listed/h11",
    "a length or chunk size that no 64-bit number holds": "length-2-to-64/h11 length-wraps/h11 chunk-size-wraps/h11",
    "a transfer coding that it could not take off again": "coding-gzip-chunked/llhttp coding-gzip-and-chunked/llhttp",
    "an empty element in a list of transfer codings": "coding-comma/llhttp",
    "a transfer coding in HTTP/1.0, which has none": "coding-http10/h11 coding-http10/llhttp",
    "a folded field, which RFC 9112, 5.2 lets a server refuse":
        "fold/h11 fold-tab/h11 fold-empty/h11 coding-folded/h11 coding-after-fold/h11 coding-leading-blank/h11",
    "a line that ends without CR": "bare-lf-line/h11 bare-lf-field/h11 bare-lf-end/h11 bare-lf-all/h11 coding-after-lf/h11",
    "half of an empty line": "bare-lf-first/llhttp bare-cr-first/llhttp",
    "more than one blank in a request line": "line-two-blanks/llhttp line-two-blanks-later/llhttp",
    "a blank after a chunk's size": "chunk-size-blank-after/h11",
    "a control character in a field or chunk extension": "value-bell/h11 value-delete/h11 chunk-extension-cr/h11 chunk-extension-nul/h11",
    "a version that it does not speak":
        "line-no-version/llhttp version-09/h11 version-09/llhttp version-12/h11 version-20/h11 version-20/llhttp http2-preface/h11",
    "a target that names nothing here":
        "target-relative/h11 target-asterisk/h11 target-asterisk/llhttp target-fragment/h11 target-fragment/llhttp target-ftp/h11 "
        "target-ftp/llhttp target-userinfo/h11 target-userinfo/llhttp connect/h11",
    "no Host, or two": "host-missing/llhttp host-twice/llhttp",
    "what is over its limits":
        "fields-many/h11 fields-many/llhttp field-long/h11 field-long/llhttp target-long/h11 target-long/llhttp "
        "chunk-extension-long/h11 chunk-extension-long/llhttp chunk-trailers-many/h11 chunk-trailers-many/llhttp",
}

# Where Raglan accepts what a reference refuses: {why it is safe: "case/reference …"}.
LOOSER = {
    "RFC 9112, 2.2: empty lines before a request line are ignored": "empty-lines-first/h11 empty-lines-between/h11",
    "any token is a method; the router answers 405": "method-lower/llhttp method-unknown/llhttp",
    "an extension's text means nothing, it ends with its line": "chunk-extension-open-quote/llhttp",
    "trailers are dropped unread": "chunk-trailer-length/llhttp",
}

PIECES = [
    b"\r\n", b"\n", b"\r", b" ", b"\t", b"\x0b", b"\x00", b":", b",", b";", b"0", b"5", b"0\r\n\r\n", b"\r\n\r\n", b"5\r\nabcde\r\n",
    b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: identity\r\n",
    b"Connection: close\r\n", b"chunked", b"Host: x\r\n", b"GET /b HTTP/1.1\r\n", b" HTTP/1.1", b" HTTP/1.0", b"\xe9", b"\x7f", b"+", b"-", b"x",
]


def mutated(count, seed):
    """Connections of the corpus, put together, cut, and spliced with what parsers stumble over."""
    rng = random.Random(seed)
    bases = [data for _, data in CASES if len(data) < 400]
    for _ in range(count):
        data = bytearray(rng.choice(bases) + (rng.choice(bases) if rng.random() < 0.2 else b""))
        for _ in range(rng.choice([1, 1, 1, 2, 3])):
            at = rng.randrange(len(data) + 1)
            action = rng.random()
            if action < 0.5:
                data[at:at] = rng.choice(PIECES)
            elif action < 0.8:
                del data[at : at + rng.choice([1, 1, 2, 4, 12])]
            else:
                data[at : at + 1] = rng.choice(PIECES)
        yield bytes(data)

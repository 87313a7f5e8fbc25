"""Texts on which tokenizers go wrong, and ordinary ones beside them."""

import random

ORDINARY = [
    "",
    " ",
    "How do I set up streaming replication?",
    "pg_basebackup -h primary -D /var/lib/postgresql/15/main -U replicator -P -R",
    "SELECT count(*) FROM \"order\" WHERE total >= 1,000.50 AND note IS NOT NULL;",
    "It's 5 o'clock; don't panic -- we'll be there at 5:30 p.m.",
    "https://example.org/a/b?c=d&e=%20f#g and mailto:someone@example.org",
    "C++23, C#, F#, .NET, node.js, x86-64, IPv6 ::1, 0x1F, 1e-12, v1.2.3-rc.4",
    "an experimental investigation of the aerodynamics of a wing in a slipstream .",
    "Tokenization, tokenizers, untokenizable; antidisestablishmentarianism",
    "snake_case camelCase kebab-case SCREAMING_SNAKE\ttabs\nnewlines\r\nand more",
    "Der Fluß, die Größe, ÄÖÜ äöü; déjà vu, naïve façade, coöperate, señor, Ærøskøbing",
    "Łódź, Dvořák, Ångström, Škoda, Đorđe, İstanbul, ISTANBUL, ıssız, ŒUVRE, œuvre",
    "Привет, мир! Ёлка и йод. Київ, Љубав.",
    "Γειά σου Κόσμε, ΑΣΣΟΣ ΣΑΣ, Ὀδυσσεύς, ᾳ ῼ",
    "שלום עולם, בְּרֵאשִׁית; السلام عليكم، مَرْحَبًا ١٢٣",
    "नमस्ते दुनिया, हिन्दी में; வணக்கம்; ไทยสวัสดี; ភាសាខ្មែរ; မြန်မာ",
    "你好，世界。漢字とかな交じり文、カタカナ、ﾊﾝｶｸ。한국어 텍스트입니다.",
]

NASTY = [
    # Combining marks: composed, decomposed, alone, stacked, out of canonical order, across blanks.
    "é", "e\u0301", "\u0301", "\u0301\u0301\u0301", "a\u0323\u0307b", "a\u0307\u0323b", "q\u0307\u0323",
    "x \u0301y", "Z" + "\u0300\u0316\u0489\u20dd" * 20 + "algo", "\u1e9b\u0323", "\u0344\u0390\u03b0",
    "\u0958\u0929\u09dc\u0b94", "\u0f43\u0f73\u0f81", "\ufb1d\ufb4e", "\u2126\u212a\u212b", "\ufb01\ufb03\ufb06",
    "\u0130\u0131\u0149\u01f0\u1e96\u1e9e\ufb00", "I\u0307i\u0307", "ǅ ǈ ǋ ǲ", "ΑΣ Σ ς", "ꭰ Ꭰ ᏸ Ა ა", "𐐀𐐨𞤀𞤢",
    "\u0345\u1fb3\u1fbc", "\u1f88\u1f80", "Ⅷ ⅷ Ⓐ ⓐ ℡ ㎏ ½ ² ₂ ª º", "Ａｂｃ　１２３！", "\u02b0\u1d2c\u1d62",
    # White space, and what looks like it or like nothing.
    "a\u00a0b\u1680c\u2000d\u2009e\u200af\u202fg\u205fh\u3000i", "a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg\x1dh\x1ei\x1fj",
    "a\u200bb\u200cc\u200dd\u2060e\ufefff\u180eg\u00adh\u034fi\u061cj", "\ufeffBOM", "a\u200e\u200f\u202a\u202eb\u2066\u2069c",
    " \t\n leading and trailing \r\n\t ", "\u3000\u3000", "\t", "\n\n\n", "a\tb\nc\rd",
    # Control, private, unassigned, non-characters, the replacement character.
    "a\x00b", "\x00", "a\x01\x02\x7f\x80\x9fb", "a\ufffdb", "\ufffd", "\ue000\uf8ff\U000f0000\U0010fffd",
    "a\ufdd0\ufffe\uffff\U0001ffff\U0010ffffb", "a\u0378\u0380\u2fe0\U000e0080b", "\U000e0001\U000e0041\U000e007f",
    "\ufff9a\ufffab\ufffb", "\U00011f00\U0001e4d0\U00016d40\U000105c0\u0897\u1c89\u1c8a\ua7cb\ua7dc",
    "\U0002ebf0\U00031350\u2ffc\u31ef", "\U00010d50\U00010d70\U000113d8\U00011bc0\U00016130\U0001cc00",
    # Ideographs: in the blocks BERT spaces out, in those it does not, at the blocks' edges.
    "a中b", "\u4e00\u9fff\ua000\u3400\u4dbf\u4dc0\uf900\ufaff\U00020000\U0002a6df\U0002a6e0\U0002a700\U0002b73f",
    "\U0002b740\U0002b81f\U0002b820\U0002b91f\U0002b920\U0002ceaf\U0002ceb0\U0002f800\U0002fa1f\U0002fa20\U00030000",
    "\uf900\ufa0e\ufa10\ufa70\U0002f800", "\u3007\u3021\u3038\u2e80\u2f00\u3005", "かがきぎ\u304b\u3099 パハ\u309a ｶﾞ",
    "한국어 \u1112\u1161\u11ab\u1100\u116e\u11a8 ㅎㅏㄴ \ud7b0\ud7cb \uac00\ud7a3\uac01\uac1c",
    # Emoji: modifiers, joiners, flags, keycaps, variation selectors.
    "👩‍👩‍👧‍👦 👍🏽 🏳️‍🌈 🇩🇪🇫🇷 1️⃣ ☎️ ☎︎ ❤️‍🔥 \U0001f6dc\U0001fae8\U0001fadc\U0001fac6", "text👍text", "\ufe0f\ufe0e\U000e0100",
    # Punctuation and symbols, ASCII's and others'.
    "".join(map(chr, range(33, 127))), "".join(map(chr, range(0xa0, 0x100))), "$+<=>^`|~", "a$b+c<d=e>f^g`h|i~j",
    "«¿Qué?» „Was?“ ‘a’ ‚b‛ “c” ‟d… — – ‐ ‑ ‒ ― ‖ † ‡ • ‣ ‰ ′ ″ ‹›", "€£¥₿ ± × ÷ ∞ ≠ ≤ √ ∑ ∂ ← → ⇒ ■ ● ★ ☃ ♫",
    "、。〃〈〉《》「」『』【】〔〕〖〗〜〝〞〟", "،؛؟٪٫٬٭۔ ।॥ ။ ፡።፣ ᠀᠁ ‿⁀ ⁅⁆ ⸮ ⹀ 𐄀𐄁 𑁇 𝪈",
    "don’t l’été rock’n’roll O’Neill", "_ __ _a_ a_b \u203f\ufe33\uff3f", "e.g.,i.e.;etc...!?!?",
    # Special tokens in the text, and what is almost one.
    "[CLS] [SEP] [MASK] [PAD] [UNK]", "a[MASK]b", "[MASK][MASK]", "[mask] [Mask] [ MASK ] [MASK", "[[MASK]]", "x[SEP", "[unused1] [unused0]",
    "##ing ## #ing ##", "[CLS]", "[SEP][CLS]", "[MA\u0301SK]", "[MA\u200bSK]", "\u00a0[MASK]\u00a0", "[PAD]" * 50,
    # Lengths: words at and over the limit of 100 characters, before and after decomposition, and no word at all.
    "a" * 99, "a" * 100, "a" * 101, "a" * 10000, "é" * 99, "é" * 100, "é" * 101, "e\u0301" * 100, "e\u0301" * 101,
    "ß" * 100, "İ" * 50, "İ" * 51, "İ" * 100, "각" * 33, "각" * 34, "각" * 50, "가" * 50, "가" * 51, "中" * 300, "\u0301" * 500 + "a", "𝒳" * 101, "." * 300,
    "unaffable" * 11, "unaffable" * 12, "x" * 100 + " " + "y" * 101 + " z", "1234567890" * 10, "1234567890" * 10 + "1",
    # Words that are unknown whole because one piece is.
    "abc\U0001f600def", "hello\u4e00world", "\u0e01\u0e33", "ab\ufffcdef", "a\u00a8b a\u00afb a\u00b4b a\u00b8b", "tes\u02bct",
    "\U0001d400\U0001d7d8", "\u2460\u3251\U0001f100", "\u00b5\u03bc \u017f s", "\u1100\u1161", "\ua9c0\u0d4d\u094d",
]

ALPHABETS = [
    [chr(c) for c in range(32, 127)],
    [chr(c) for c in range(0xa0, 0x250)],
    [chr(c) for c in range(0x300, 0x370)] + list("aeiouAEIOU nq"),
    [chr(c) for c in range(0x370, 0x530)],
    [chr(c) for c in range(0x590, 0x700)] + [" "],
    [chr(c) for c in range(0x900, 0xe80)] + [" "],
    [chr(c) for c in range(0x1e00, 0x2000)],
    [chr(c) for c in range(0x2000, 0x2c00)] + list(" abc"),
    [chr(c) for c in range(0x3000, 0x3200)] + [chr(c) for c in range(0x4e00, 0x4e80)] + list(" ab"),
    [chr(c) for c in range(0x1100, 0x1200)] + [chr(c) for c in range(0xac00, 0xac80)] + [" "],
    [chr(c) for c in range(0x1f300, 0x1f700)] + list("\u200d\ufe0f ab"),
    [chr(c) for c in range(0, 0x20)] + [chr(c) for c in range(0x7f, 0xa1)] + list("abc"),
]


def random_texts(count, seed):
    """Random strings: mostly from one alphabet, some from the whole of Unicode."""
    rng = random.Random(seed)
    for _ in range(count):
        length = rng.choice([1, 2, 3, 5, 8, 20, 60])
        if rng.random() < 0.2:
            yield "".join(scalar(rng) for _ in range(length))
        else:
            alphabet = rng.choice(ALPHABETS) + rng.choice(ALPHABETS)[:8]
            yield "".join(rng.choice(alphabet) for _ in range(length))


def scalar(rng):
    while 0xd800 <= (code := rng.choice([rng.randrange(0x3000), rng.randrange(0x110000)])) < 0xe000:
        pass
    return chr(code)

"""The documents that the tests ask about: a made-up harbour's handbook, and generated long texts."""

import random

from harness import CANARY

HANDBOOK = [
    {
        "id": "lighthouse",
        "title": "The lighthouse",
        "uri": "handbook/lighthouse.txt",
        "text": "The lighthouse of Port Ambrose was built in 1847 from grey basalt. "
        "Its lamp flashes twice every nine seconds. "
        "The keeper climbs one hundred and twelve steps to reach the lamp room. "
        f"Visitors may climb the tower on Sundays between noon and four, says {CANARY}.",
        "metadata": {"topic": "buildings", "year": 1847, "open": True},
    },
    {
        "id": "ferry",
        "title": "The ferry",
        "uri": "handbook/ferry.txt",
        "text": "The ferry to Gull Island leaves the north pier every forty minutes. "
        "A return ticket costs eleven crowns. "
        "Bicycles travel free of charge, but dogs need a ticket of their own. "
        "In fog the ferry waits until the horn has been silent for a quarter of an hour.",
        "metadata": {"topic": "transport", "year": 1962, "price": 11},
    },
    {
        "id": "market",
        "title": "The fish market",
        "uri": "handbook/market.txt",
        "text": "The fish market opens at five in the morning on weekdays. "
        "Herring and mackerel are sold by auction from the stone tables. "
        "Restaurants must register with the harbour office before they may bid.",
        "metadata": {"topic": "trade", "year": 1901, "open": True},
    },
    {
        "id": "storm",
        "title": "Storm warnings",
        "uri": "handbook/storm.txt",
        "text": "Before a storm the harbour master hoists two black balls on the signal mast. "
        "All boats shorter than eight metres must then be pulled onto the slipway. "
        "The harbour gate is closed when the wind passes sixty knots.",
        "metadata": {"topic": "safety", "year": 1911, "level": 2.5},
    },
    {
        "id": "library",
        "title": "The sailors' library",
        "uri": "handbook/library.txt",
        "text": "The sailors' library lends sea charts for three weeks. "
        "A chart that is returned late costs half a crown for each day. "
        "The reading room is heated from October to April.",
        "metadata": {"topic": "buildings", "year": 1888, "open": False},
    },
    {
        "id": "bakery",
        "title": "The bakery",
        "uri": "handbook/bakery.txt",
        "text": "The bakery on Rope Street bakes rye bread with caraway every Thursday. "
        "Its oven is fired with driftwood. "
        "Ship's biscuit is baked to order and keeps for two years.",
        "metadata": {"topic": "trade", "year": 1931, "price": 4},
    },
]

# What a person would ask, the document that answers it, and words of the answering sentence.
QUESTIONS = [
    ("When was the lighthouse built?", "lighthouse", "1847"),
    ("How much is a return ticket for the ferry?", "ferry", "eleven crowns"),
    ("When does the fish market open?", "market", "five in the morning"),
    ("What does the harbour master do before a storm?", "storm", "two black balls"),
    ("How long may I borrow a sea chart from the library?", "library", "three weeks"),
]

WORDS = (
    "anchor barge beacon bollard buoy cable captain cargo chart coast compass crane current deck "
    "dock engine fender fleet gale gangway harbour hatch hull island jetty keel ladder lantern mast "
    "mooring net oar pier pilot quay rigging rope rudder sail seagull signal tide tug wave wharf winch"
).split()


def long_text(seed, paragraphs, sentences=6):
    """Paragraphs of nonsense; each says a word of its own: marker(seed, i)."""
    chance = random.Random(f"long text {seed}")
    blocks = []
    for number in range(paragraphs):
        lines = []
        for position in range(sentences):
            words = [chance.choice(WORDS) for _ in range(12)]
            if position == 0:
                words[3] = marker(seed, number)
            lines.append(" ".join(words).capitalize() + ".")
        blocks.append(" ".join(lines))
    return "\n\n".join(blocks)


def marker(seed, paragraph):
    return f"marker{seed}x{paragraph}z"

"""What changed among the other words: terms, scope, statements, or only the wording; must not judge figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from context.material.hunks import Hunk
from context.material.lexicon import AFTER_SUBJECT, BEFORE_VERB, EXCEPTIONS, FUNCTION, OPPOSITES, ROLES, SCOPE
from context.material.model import Aspect, Reason
from context.material.passages import Passage, Word

# A statement came or went where this many words that bear meaning did, in one place.
WORDS_OF_A_STATEMENT = 6
# A term is short; longer replacements are a rewording.
WORDS_OF_A_TERM = 4
# With more words changed beside it, a passage was rewritten, and its terms with it.
OTHER_WORDS_BESIDE_A_TERM = 2
_ENDINGS = ("ations", "ation", "ingly", "edly", "ings", "ing", "ies", "ied", "ed", "es", "ly", "s", "d", "er", "al")
_VERBAL = ("ing", "ed", "ly", "ize", "ise", "ify", "ate")


@dataclass(frozen=True, slots=True)
class Wording:
    """The reasons among words, and whether a term took the place of another."""

    reasons: tuple[Reason, ...]
    term_replaced: bool


def compare_wording(
    old: Passage, new: Passage, hunks: Sequence[Hunk], *, terms: Collection[str] = frozenset()
) -> Wording:
    """Judge each difference by its own words. `terms` are the organisation's defined terms, normalised, if known."""
    reasons: list[Reason] = []
    terms_found = other = 0
    swaps = Counter(_swap(hunk) for hunk in hunks)
    for hunk in hunks:
        gone, come = _without_typos(hunk)
        if not gone and not come:
            reasons.append(_reason("typo", hunk, old, new, "Spelling or inflection only."))
            continue
        aspect, why, is_term = _judge(gone, come, hunk, old, new, repeated=swaps[_swap(hunk)] > 1, terms=terms)
        terms_found += is_term
        other += (
            0 if is_term else abs(len(_heavy(gone)) - len(_heavy(come))) + min(len(_heavy(gone)), len(_heavy(come)))
        )
        reasons.append(_reason(aspect, hunk, old, new, why))
    return Wording(tuple(reasons), terms_found > 0 and other <= OTHER_WORDS_BESIDE_A_TERM * terms_found)


def _judge(
    gone: Sequence[Word],
    come: Sequence[Word],
    hunk: Hunk,
    old: Passage,
    new: Passage,
    *,
    repeated: bool,
    terms: Collection[str],
) -> tuple[Aspect, str, bool]:
    heavy_old, heavy_new = _heavy(gone), _heavy(come)
    said_old, said_new = _said(hunk.old), _said(hunk.new)
    if pair := _opposite(gone, come):
        return "scope", f"“{pair[0]}” became “{pair[1]}”.", False
    if _is_lettering(gone, come):
        return "numbering", f"“{said_old}” became “{said_new}”.", False
    if _are_addresses(heavy_old, heavy_new):
        return "reference", f"“{said_old}” became “{said_new}”.", False
    term = bool(heavy_old and heavy_new) and max(len(heavy_old), len(heavy_new)) <= WORDS_OF_A_TERM
    if term and _expands(hunk.old, hunk.new):
        return "wording", "An abbreviation and its long form.", False
    if term and (_is_named(hunk.old, old) or _is_named(hunk.new, new) or _defined(hunk, terms)):
        return "term", f"“{said_old}” became “{said_new}”{_standing(hunk, terms)}.", True
    if term and {w.norm for w in heavy_old} & ROLES and {w.norm for w in heavy_new} & ROLES:
        return "scope", f"“{said_old}” became “{said_new}”.", True
    if scope := _scope(gone, come):
        return "scope", scope, False
    if abs(len(heavy_old) - len(heavy_new)) >= WORDS_OF_A_STATEMENT:
        more, verb = (said_new, "new") if len(heavy_new) > len(heavy_old) else (said_old, "gone")
        return "statement", f"“{more}” is {verb}.", False
    if bool(heavy_old) != bool(heavy_new):
        side, passage, said, verb = (come, new, said_new, "new") if heavy_new else (gone, old, said_old, "gone")
        if _is_named(side, passage):
            return "term", f"“{said}” is {verb}.", False
    if not heavy_old and heavy_new and _narrows(hunk, new):
        return "scope", f"“{said_new}” now qualifies what follows.", False
    if heavy_old and not heavy_new and _narrows_old(hunk, old):
        return "scope", f"“{said_old}” no longer qualifies what follows.", False
    if term and _like_nouns(heavy_old, heavy_new) and not _is_verb(hunk, old):
        return ("term" if repeated else "wording"), f"“{said_old}” became “{said_new}”.", True
    if not heavy_old and not heavy_new:
        return "wording", "Only words that join others changed.", False
    return "wording", "Said in other words.", False


def _heavy(words: Sequence[Word]) -> list[Word]:
    """The words that bear meaning."""
    return [word for word in words if word.norm not in FUNCTION and word.norm[0].isalnum()]


def _swap(hunk: Hunk) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(w.norm for w in hunk.old), tuple(w.norm for w in hunk.new)


def _said(words: Sequence[Word]) -> str:
    said = " ".join(word.text for word in words)
    return said if len(said) <= 80 else said[:77] + "…"


def _reason(aspect: Aspect, hunk: Hunk, old: Passage, new: Passage, why: str) -> Reason:
    return Reason(aspect=aspect, old=old.span(hunk.old), new=new.span(hunk.new), why=why)


def _without_typos(hunk: Hunk) -> tuple[list[Word], list[Word]]:
    """The words of both sides, but for those that are another spelling or form of their counterpart."""
    gone, come = list(hunk.old), list(hunk.new)
    if gone and come and "".join(w.norm for w in gone) == "".join(w.norm for w in come):
        return [], []
    if len(gone) == len(come):
        pairs = [(a, b) for a, b in zip(gone, come, strict=True) if not same_word(a.norm, b.norm)]
        return [a for a, _ in pairs], [b for _, b in pairs]
    kept_new = list(come)
    kept_old = []
    for word in gone[:60]:
        match = next((other for other in kept_new[:60] if same_word(word.norm, other.norm)), None)
        if match is None:
            kept_old.append(word)
        else:
            kept_new.remove(match)
    return kept_old + gone[60:], kept_new


def same_word(a: str, b: str) -> bool:
    """Another spelling, inflection or a slip of the keys. Figures and short words are never the same unless equal."""
    if a == b:
        return True
    if not (a[0].isalpha() and b[0].isalpha()) or frozenset((a, b)) in OPPOSITES:
        return False
    a, b = a.removesuffix("'s"), b.removesuffix("'s")
    if a + "s" == b or b + "s" == a:
        return True
    if a.replace("'", "") == b.replace("'", "") or (stem(a) == stem(b) and len(stem(a)) >= 3):
        return True
    shorter = min(len(a), len(b))
    if shorter < 4 or abs(len(a) - len(b)) > 2 or max(len(a), len(b)) > 40:
        return False
    return distance(a, b) <= (1 if shorter < 6 else 2) and (a[0] == b[0] or a[-3:] == b[-3:])


def stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)].rstrip("e")
    return word.rstrip("e")


def distance(a: str, b: str) -> int:
    """Slips of the keys between two words: letters added, dropped, exchanged or swapped with their neighbour."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        earlier, before, row = before, row, [i]
        for j, y in enumerate(b, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
    return row[-1]


def _opposite(gone: Sequence[Word], come: Sequence[Word]) -> tuple[str, str] | None:
    for one in gone[:40]:
        for other in come[:40]:
            if frozenset((one.norm, other.norm)) in OPPOSITES:
                return one.text, other.text
    return None


def _scope(gone: Sequence[Word], come: Sequence[Word]) -> str:
    left = Counter(w.norm for w in gone if w.norm in SCOPE)
    right = Counter(w.norm for w in come if w.norm in SCOPE)
    lost, won = left - right, right - left
    exceptions = [word for word in (*won, *lost) if word in EXCEPTIONS]
    small = len(_heavy(gone)) + len(_heavy(come)) <= WORDS_OF_A_STATEMENT
    if lost and won and small:
        return f"“{next(iter(lost))}” became “{next(iter(won))}”."
    if exceptions or (small and (lost or won)):
        word = exceptions[0] if exceptions else next(iter(won or lost))
        return f"“{word}” is {'new' if word in won else 'gone'}."
    return ""


def _is_named(words: Sequence[Word], passage: Passage) -> bool:
    """Whether a name, an abbreviation or a defined term is among the words: capitals that no sentence began with."""
    for word in words:
        if len(word.text) >= 2 and word.text.isupper() and word.text.isalpha():
            return not passage.text.isupper()
        if word.text[0].isupper() and _is_capital_elsewhere(word, passage):
            return True
        inner = any(c.isupper() for c in word.text[1:])
        if (word.text[0].isupper() and not _opens_sentence(word, passage)) or (inner and not word.text.isupper()):
            return True
    return False


def _is_capital_elsewhere(word: Word, passage: Passage) -> bool:
    """It stands with a capital within a sentence, too, or before another capital: "Expert Services means"."""
    if any(w.norm == word.norm and w.text[0].isupper() and not _opens_sentence(w, passage) for w in passage.words):
        return True
    following = next((w for w in passage.words if w.start > word.start), None)
    return following is not None and following.text[0].isupper() and not _opens_sentence(following, passage)


def _opens_sentence(word: Word, passage: Passage) -> bool:
    before = passage.text[: word.start - passage.start].rstrip(" \t\r\n*_#>[(\"'“‘|-+•")
    return not before or before[-1] in ".!?:;" or word is passage.words[0]


def _defined(hunk: Hunk, terms: Collection[str]) -> bool:
    return bool(terms) and any(" ".join(w.norm for w in side) in terms for side in (hunk.old, hunk.new))


def _standing(hunk: Hunk, terms: Collection[str]) -> str:
    if not terms:
        return ""
    was, now = (" ".join(w.norm for w in side) in terms for side in (hunk.old, hunk.new))
    if was and not now:
        return ", which is not a defined term"
    return ", another defined term" if was and now else ""


def _expands(old: Sequence[Word], new: Sequence[Word]) -> bool:
    """LTS for long term support."""
    for short, long in ((old, new), (new, old)):
        initials = "".join(w.norm[0] for w in long)
        if any(len(w.norm) >= 2 and w.norm in (initials, "".join(w.norm[0] for w in _heavy(long))) for w in short):
            return len(long) > 1
    return False


def _narrows(hunk: Hunk, passage: Passage) -> bool:
    return _qualifies(hunk.new, hunk.new_from + len(hunk.new), passage)


def _narrows_old(hunk: Hunk, passage: Passage) -> bool:
    return _qualifies(hunk.old, hunk.old_from + len(hunk.old), passage)


def _qualifies(words: Sequence[Word], after: int, passage: Passage) -> bool:
    """One or two words right before whom a rule binds, or a capitalised word before a capitalised one."""
    if len(words) > 2 or after >= len(passage.words):
        return False
    following = passage.words[after]
    if following.norm in ROLES:
        return True
    capitals = all(word.text[0].isupper() for word in (*words, following))
    return capitals and not _opens_sentence(words[0], passage)


def _is_lettering(gone: Sequence[Word], come: Sequence[Word]) -> bool:
    """(a) became (b)."""
    return len(gone) == len(come) == 1 and len(gone[0].norm) == len(come[0].norm) == 1


def _are_addresses(gone: Sequence[Word], come: Sequence[Word]) -> bool:
    return bool(gone and come) and all("." in word.norm for word in (*gone, *come))


def _is_verb(hunk: Hunk, passage: Passage) -> bool:
    """By what stands before it; a word that opens a sentence is its subject where a verb follows."""
    first = passage.words[hunk.old_from]
    if not _opens_sentence(first, passage):
        return passage.key[hunk.old_from - 1] in BEFORE_VERB
    after = hunk.old_from + len(hunk.old)
    following = passage.key[after] if after < len(passage.key) else ""
    return passage.role != "heading" and not (following.endswith("s") or following in AFTER_SUBJECT)


def _like_nouns(old: Sequence[Word], new: Sequence[Word]) -> bool:
    return len(old) <= 3 and len(new) <= 3 and not any(w.norm.endswith(_VERBAL) for w in (*old, *new))

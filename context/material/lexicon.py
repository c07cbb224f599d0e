"""The English words that carry obligation, negation and scope, and those that carry nothing; must not read texts."""

from __future__ import annotations

from context.wordlists import phrases, word_set

# Phrases of obligation by strength. Longer ones are tried first; "may" as a month never stands before a verb.
_OBLIGATION = {
    "must": "must|shall|is required to|are required to|be required to|required to|has to|have to|need to|needs to|"
    "is obliged to|are obliged to|obligated to|is mandatory|are mandatory|mandatory|has a duty to|ought to",
    "must not": "must not|shall not|may not|cannot|can not|can't|mustn't|is prohibited|are prohibited|prohibited from|"
    "prohibited|is forbidden|are forbidden|forbidden|not permitted|not allowed|is not permitted to|"
    "are not permitted to|"
    "is not allowed to|are not allowed to|must never|may never|shall never|can never|under no circumstances",
    "should": "should|is recommended|are recommended|recommended|encouraged to|advised to|is expected to|"
    "are expected to",
    "should not": "should not|shouldn't|not recommended|should never|discouraged",
    "may": "may|can|is permitted to|are permitted to|permitted to|is allowed to|are allowed to|allowed to|"
    "has the right|"
    "have the right|is entitled to|are entitled to|entitled to|reserves the right|at its discretion|optional|"
    "is free to|"
    "are free to|could|might",
    "will": "will|would",
    "will not": "will not|won't|would not",
    "need not": "need not|is not required to|are not required to|not required to|not required|do not have to|"
    "does not have to|do not need to|does not need to|don't need to|don't have to|not obliged to|not obligated to",
}
OBLIGATIONS: dict[tuple[str, ...], str] = {
    tuple(phrase.split()): strength for strength, listed in _OBLIGATION.items() for phrase in phrases(listed)
}
LONGEST_OBLIGATION = max(len(phrase) for phrase in OBLIGATIONS)

NEGATIONS = word_set(
    "not no never none neither nor without cannot can't won't don't doesn't didn't isn't aren't wasn't weren't "
    "shouldn't "
    "mustn't wouldn't couldn't haven't hasn't nobody nothing prohibited forbidden"
)
AFTER_EMPTY_DENIAL = word_set("limited limiting limitation prejudice only")
# Words that say to whom, when or with what exception a rule applies.
SCOPE = word_set(
    "exception exceptions provided subject notwithstanding "
    "all any each every only except unless excluding exclusively solely some most both either always never "
    "immediately promptly if until before after during otherwise full-time part-time permanent temporary internal "
    "external"
)
EXCEPTIONS = word_set(
    "except unless excluding only solely exclusively if exception exceptions provided subject notwithstanding"
)
# Two words that turn a statement round, or set it at another strength.
_OPPOSITES = (
    "and or|all any|all some|before after|above below|include exclude|includes excludes|including excluding|"
    "allow prohibit|allow forbid|allowed prohibited|allowed forbidden|permit prohibit|permitted prohibited|"
    "approve reject|approved rejected|increase decrease|enable disable|enabled disabled|public private|"
    "internal external|"
    "mandatory optional|required optional|always never|always usually|minimum maximum|least most|more less|more fewer|"
    "accept refuse|grant deny|grant revoke|inside outside|open closed|opt-in opt-out|either both|any only|every some|"
    "paid unpaid|paid free|full-time part-time|daily weekly|weekly monthly|monthly quarterly|quarterly annually|"
    "within after|"
    "with without|for against|on off|until after|since until|promptly immediately|annual quarterly|employee contractor|"
    "employees contractors|direct indirect|exclusive non-exclusive|revocable irrevocable|personal business"
)
OPPOSITES = frozenset(
    frozenset((one, other)) for one, other in (pair.split() for pair in phrases(_OPPOSITES) if len(pair.split()) == 2)
)
# Whom a rule may bind: one of them for another is a change of scope.
ROLES = word_set(
    "employee employees staff contractor contractors manager managers supervisor supervisors director directors "
    "officer "
    "officers user users customer customers client clients vendor vendors supplier suppliers partner partners member "
    "members team teams administrator administrators owner owners everyone anyone developer developers engineer "
    "engineers "
    "lead leads visitor visitors party parties board committee"
)
# Right behind these stands a verb: another verb there is another wording, not another term.
BEFORE_VERB = word_set(
    "to you we they i he she it will would must shall should can could may might not please don't never also let us "
    "and "
    "always help helps"
)
AFTER_SUBJECT = word_set("will must shall should can could may might cannot would has have had did do and or")
# They glue a sentence together; swapping them seldom changes what it demands.
FUNCTION = word_set(
    "must shall should will would may can could might ought "
    "a an the of in on at to for from by with as and that this these those which who whom whose it its is are was "
    "were be "
    "been being am do does did has have had so such than then there their they them we our ours us you your yours i "
    "my me "
    "he she his her him also just very please simply basically currently e.g i.e etc via per about into onto upon "
    "up out "
    "over when where while how what why or but however therefore thus hence because since though although including "
    "like such following above below here own within through across more further additional additionally other"
)
# A line that only says when the text was last touched.
STAMPS = phrases(
    "last updated|last modified|last reviewed|last revised|last changed|updated on|date of last|copyright|©|"
    "reviewed on|"
    "this page was|prepared on|published on|date:|updated:"
)

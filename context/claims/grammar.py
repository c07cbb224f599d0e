"""Words that have a job in a sentence: which part of it they open, join or narrow; must not look at meaning."""

from __future__ import annotations

from context.wordlists import word_set

STOP = word_set(
    """a an the this that these those it its he him his she her they them their we us our you your i me my and or nor
    but of in on at to for from by with as is are was were be been being am has have had having do does did done not no
    any all each every both either such same other another there here then than so if when where which who whom whose
    what while will would shall should must may might can could ought need also only just very more most some own into
    onto upon about over under above below between within without during before after until through per via out up down
    off again however therefore thereof therein thereto hereby herein hereof hereunder hereto said including include
    included includes without limitation etc e.g i.e together well way manner time times case cases part parts whole
    whatsoever howsoever made so even still thereafter deemed respect whatever whichever whether directly indirectly
    otherwise further promptly immediately"""
)
ADVERBS = word_set(
    """not also only directly indirectly either neither otherwise knowingly at any time in whole or part way manner
    whether during after the all times hereby further always never once ever then promptly immediately thereafter
    themselves itself himself independently expressly solely"""
)
BREAKS = frozenset({";", ":"})
JOINS = frozenset({",", "or", "and", "/", "nor", "and/or"})
DETERMINERS = word_set("a an the any all each every no some such this that these those its their his her our your")
BE = word_set("be is are was were been being")
LIGHT_VERBS = word_set("make makes create creates take takes give gives making made")
PREPOSITIONS = word_set(
    """to for from by with in on at of into onto upon under over between among through against about concerning
    regarding as within during before after until without except unless if when where while which that who whose because
    than including pursuant whether provided"""
)
# What follows one of these is when, where, to whom or for what a statement holds.
SCOPE_OPENERS = word_set(
    """for in if when where while under at by between among whose who which unless except provided during outside inside
    throughout regarding concerning with against"""
)
CONDITIONS = word_set("if when where once whenever wherever subject")
EXCEPTIONS = word_set(
    """unless except excepting excluding save only but provided until outside beyond solely apart exclusively
    unauthorized unauthorised improper improperly necessary than"""
)
LEAVE_WORDS = word_set(
    "consent consents approval permission authorization authorisation authority agreement written writing"
)
UNIVERSALS = word_set("all any every each entire everything whatsoever")
# Names of a party to a contract: who it is depends on the text, so they tell rules apart only as roles.
PARTY_WORDS = word_set(
    """party parties receiving disclosing recipient discloser company undersigned agreement hereto undertakes agrees
    acknowledges it they he she undersigned"""
)

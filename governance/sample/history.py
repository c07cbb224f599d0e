"""Lives through the sample's two years with the real functions, in the order of time; must not write context itself."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from django.db.models import Q

from context.access import principal_for
from context.errors import DomainError
from context.models import ContextItem, User
from governance.changes import create_change, submit_change, withdraw_change
from governance.comments import add_comment
from governance.drift.sources.asking import upload_source
from governance.edits import EditInput
from governance.models import Change
from governance.publishing import publish_change
from governance.reviews import review_change
from governance.sample.notices import put_aside
from governance.sample.organisation import lay_down_organisation, let_go
from governance.sample.reading import Sample, Text, replaced
from governance.verification import verify_items

FOUNDED_AT = datetime(2024, 11, 14, 8, 30, tzinfo=UTC)
WRITTEN_AT = datetime(2026, 11, 20, tzinfo=UTC)
DUE_WITHIN = timedelta(days=120)


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """Something that happened at a moment; `name` is for the message when it cannot."""

    name: str
    at: datetime
    run: Callable[[datetime], object]


@dataclass(kw_only=True)
class History:
    """What has happened so far: `changes` are ids by slug, `known` the keys published."""

    sample: Sample
    moved: timedelta = timedelta(0)
    changes: dict[str, int] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)
    related: dict[str, int] = field(default_factory=dict)
    threads: dict[int, int] = field(default_factory=dict)

    def create(self, entry: Mapping[str, Any], edits: Callable[[], list[EditInput]], now: datetime) -> None:
        change = create_change(
            actor=_user(entry["author"]), title=entry["title"], reason=entry["reason"], edits=edits(), now=now
        )
        self.changes[entry["slug"]] = change.pk

    def submit(self, entry: Mapping[str, Any], now: datetime) -> None:
        submit_change(actor=_user(entry["author"]), change_id=self.changes[entry["slug"]], now=now)

    def review(self, entry: Mapping[str, Any], by: str, decision: str, comment: str, now: datetime) -> None:
        change = Change.objects.get(pk=self.changes[entry["slug"]])
        review_change(
            actor=_user(by), change_id=change.pk, decision=decision, digest=change.digest, comment=comment, now=now
        )

    def publish(self, entry: Mapping[str, Any], now: datetime, at: datetime | None = None) -> None:
        done = publish_change(actor=_user(entry["author"]), change_id=self.changes[entry["slug"]], now=now, at=at)
        self.known |= set(done.published)

    def withdraw(self, entry: Mapping[str, Any], comment: str, now: datetime) -> None:
        withdraw_change(actor=_user(entry["author"]), change_id=self.changes[entry["slug"]], now=now, comment=comment)

    def comment(self, entry: Mapping[str, Any], said: Mapping[str, Any], now: datetime) -> None:
        """A remark on the change, on the passage `quote` of one of its texts, or in reply to the first remark."""
        change_id = self.changes[entry["slug"]]
        first = self.threads.get(change_id) if said.get("in_reply") else None
        made = add_comment(
            actor=_user(said["by"]),
            change_id=change_id,
            text=said["comment"],
            key=said.get("key", ""),
            field="body" if "quote" in said else "",
            quote=said.get("quote", ""),
            reply_to=first,
            now=now,
        )
        self.threads.setdefault(change_id, made.pk)

    def verify(self, entry: Mapping[str, Any], now: datetime) -> None:
        """A round: what falls due soon in the domain and below, but for the exceptions."""
        actor = _user(entry["by"])
        below = Q(domain__slug=entry["domain"]) | Q(domain__parent__slug=entry["domain"])
        due = ContextItem.objects.visible_to(principal_for(actor)).not_retired().overdue(now + DUE_WITHIN)
        keys = due.filter(below).exclude(key__in=entry.get("except", [])).values_list("key", flat=True)
        if keys:
            verify_items(actor=actor, keys=list(keys), now=now)

    def upload(self, entry: Mapping[str, Any], now: datetime) -> None:
        """A file that a text was written from: the text as it stands now, with what the file says otherwise."""
        wanted = replaced(self.sample.texts[entry["key"]].latest, {"text": entry.get("text", ())}, name="sources.yaml")
        upload_source(
            actor=principal_for(_user(entry["by"])),
            key=entry["key"],
            name=entry["name"],
            content=wanted["body"].encode(),
            now=now,
        )

    def edits_of(self, entry: Mapping[str, Any]) -> list[EditInput]:
        """What a published change did, as the texts tell it."""
        if entry.get("cross_references"):
            return [self._joined(text) for text in self._unjoined()]
        slug = entry["slug"]
        together = {text.key for text in self.sample.texts.values() if text.versions[0][0] == slug}
        edits = []
        for text in self.sample.texts.values():
            for number, (made_by, payload) in enumerate(text.versions, start=1):
                if made_by == slug:
                    reachable = self.known | together
                    relations = [each for each in text.relations if each["key"] in reachable]
                    self.related[text.key] = len(relations)
                    edits.append(
                        EditInput(
                            operation="create" if number == 1 else "revise",
                            key=text.key,
                            payload={**payload, "relations": relations},
                        )
                    )
            if text.retired_by == slug:
                edits.append(EditInput(operation="retire", key=text.key, replaced_by=text.replaced_by))
        return edits

    def proposals_of(self, entry: Mapping[str, Any]) -> list[EditInput]:
        """What a change that is not published proposes: patches of the latest texts, and new texts."""
        edits = []
        for each in entry["edits"]:
            if "create" in each:
                text = self.sample.proposed[each["create"]]
                payload: Mapping[str, Any] = {**text.latest, "relations": list(text.relations)}
                edits.append(EditInput(operation="create", key=text.key, payload=payload))
            else:
                patch = {name: value for name, value in each.items() if name != "key"}
                latest = self.sample.texts[each["key"]].latest
                wanted = replaced(latest, patch, name=f"changes.yaml, {entry['slug']}")
                edits.append(EditInput(operation="revise", key=each["key"], payload=wanted))
        return edits

    def _unjoined(self) -> Iterable[Text]:
        """Texts that could name more of their relations now than when they were last published."""
        for key in sorted(self.known):
            text = self.sample.texts[key]
            if self.related[key] < sum(each["key"] in self.known for each in text.relations):
                yield text

    def _joined(self, text: Text) -> EditInput:
        relations = [each for each in text.relations if each["key"] in self.known]
        self.related[text.key] = len(relations)
        return EditInput(operation="revise", key=text.key, payload={"relations": relations})


def live_through(
    sample: Sample,
    *,
    now: datetime,
    also: Iterable[Step] = (),
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> None:
    """Everything that happened, in order of time, `also` included. The caller holds the transaction.

    The files were written for a certain day. Loaded later, the whole history moves by whole weeks, so that what is
    overdue stays so and what is not does not become it.
    """
    moved = moved_by(now)
    lay_down_organisation(sample, now=FOUNDED_AT + moved)
    history = History(sample=sample, moved=moved)
    steps = [
        *_published(history),
        *_verified(history),
        *_unpublished(history),
        *_departures(sample),
        *_uploaded(history),
        *also,
    ]
    for done, step in enumerate(sorted(steps, key=lambda each: each.at), start=1):
        try:
            step.run(step.at + moved)
        except DomainError as refusal:
            refusal.add_note(f"The sample's history stopped at {step.at:%d %B %Y}, {step.name}.")
            raise
        progress(done, len(steps))
    put_aside()


def _published(history: History) -> Iterable[Step]:
    for entry in history.sample.published:
        on = moment(entry["published"])
        reviewers = entry["approved_by"]
        back = entry.get("sent_back")
        day = len(reviewers) + (3 if back else 1)
        yield _step(entry, "create", _working_days_before(on, day + 1), _creating(history, entry))
        yield _step(entry, "submit", _working_days_before(on, day), partial(history.submit, entry))
        if back:
            yield _step(
                entry,
                "send back",
                _working_days_before(on, day - 1),
                partial(history.review, entry, back["by"], "request_changes", back["comment"]),
            )
            yield _step(entry, "submit again", _working_days_before(on, day - 2), partial(history.submit, entry))
        for ahead, said in zip(range(len(reviewers), 0, -1), reviewers, strict=True):
            by, comment = (said, "") if isinstance(said, str) else (said["by"], said["comment"])
            yield _step(
                entry,
                f"approve {by}",
                _working_days_before(on, ahead),
                partial(history.review, entry, by, "approve", comment),
            )
        yield _step(entry, "publish", on, partial(history.publish, entry), hour=7)


def _creating(history: History, entry: Mapping[str, Any]) -> Callable[[datetime], object]:
    return lambda now: history.create(entry, lambda: history.edits_of(entry), now)


def _verified(history: History) -> Iterable[Step]:
    for entry in history.sample.verified:
        yield Step(
            name=f"verify {entry['domain']}",
            at=moment(entry["at"]) + timedelta(hours=14),
            run=partial(history.verify, entry),
        )


def _unpublished(history: History) -> Iterable[Step]:
    for entry in history.sample.unpublished:
        for said in entry["steps"]:
            name = f"{said['do']} {entry['slug']}"
            yield Step(name=name, at=moment(said["at"]), run=_proposing(history, entry, said))


def _proposing(history: History, entry: Mapping[str, Any], said: Mapping[str, Any]) -> Callable[[datetime], object]:
    comment = said.get("comment", "")
    what: dict[str, Callable[[datetime], object]] = {
        "create": lambda now: history.create(entry, lambda: history.proposals_of(entry), now),
        "submit": lambda now: history.submit(entry, now),
        "approve": lambda now: history.review(entry, said["by"], "approve", comment, now),
        "reject": lambda now: history.review(entry, said["by"], "reject", comment, now),
        "comment": lambda now: history.comment(entry, said, now),
        "withdraw": lambda now: history.withdraw(entry, comment, now),
        "schedule": lambda now: history.publish(entry, now, moment(said["for"]) + history.moved),
    }
    return what[said["do"]]


def _uploaded(history: History) -> Iterable[Step]:
    for entry in history.sample.uploads:
        yield Step(name=f"upload {entry['name']}", at=moment(entry["at"]), run=partial(history.upload, entry))


def _departures(sample: Sample) -> Iterable[Step]:
    for person in sample.people["people"]:
        if "left" in person:
            yield Step(
                name=f"{person['username']} leaves",
                at=moment(person["left"]) + timedelta(hours=17),
                run=partial(let_go, person["username"]),
            )


def _step(entry: Mapping[str, Any], name: str, day: datetime, run: Callable[[datetime], object], hour: int = 9) -> Step:
    """A moment in working hours of that day, the same at every loading."""
    minutes = int.from_bytes(hashlib.sha256(f"{entry['slug']} {name}".encode()).digest()[:2]) % 420
    at = day + timedelta(hours=hour, minutes=minutes if hour == 9 else minutes % 60)
    return Step(name=f"{name} {entry['slug']}", at=at, run=run)


def _working_days_before(day: datetime, count: int) -> datetime:
    while count:
        day -= timedelta(days=1)
        count -= day.weekday() < 5
    return day


def moved_by(now: datetime) -> timedelta:
    """How far the history moves so that it ends about `now`: whole weeks, which keeps working days what they are."""
    return (now - WRITTEN_AT) // timedelta(weeks=1) * timedelta(weeks=1)


def moment(text: str) -> datetime:
    """A date (midnight UTC) or a time of the sample's files."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _user(username: str) -> User:
    return User.objects.get(username=username)

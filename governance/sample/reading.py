"""Reads the sample organisation from its files; must not write rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

# Front matter that is not part of an item's payload as it stands.
_ABOUT_HISTORY = frozenset({"published_by", "before", "retired", "relations", "review_days"})


class SampleBroken(ValueError):
    """A file of the sample does not say what it should; the message names the file."""


class _Loader(yaml.SafeLoader):
    """YAML in which 2026-11-20 stays text, as JSON would have it."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """One item with all its versions: `versions` pairs the slug of a change with the payload that it published."""

    key: str
    versions: tuple[tuple[str, Mapping[str, Any]], ...]
    relations: tuple[Mapping[str, str], ...] = ()
    retired_by: str | None = None
    replaced_by: str | None = None

    @property
    def latest(self) -> Mapping[str, Any]:
        return self.versions[-1][1]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """All of `sample/`. Lists are as their files have them; `texts` is by key, `proposed` what is not published yet."""

    texts: Mapping[str, Text]
    proposed: Mapping[str, Text]
    people: Mapping[str, Any]
    policies: tuple[Mapping[str, Any], ...]
    published: tuple[Mapping[str, Any], ...]
    verified: tuple[Mapping[str, Any], ...]
    unpublished: tuple[Mapping[str, Any], ...]
    agents: Mapping[str, Any] = field(default_factory=dict)
    uploads: tuple[Mapping[str, Any], ...] = ()


def read_sample(folder: Path) -> Sample:
    """Everything in `folder`; raises SampleBroken where a text's history does not fit the text."""
    changes = _yaml(folder / "changes.yaml")
    sample = Sample(
        texts=dict(_texts(folder)),
        proposed=dict(_texts(folder / "proposed", published=False)),
        people=_yaml(folder / "people.yaml"),
        policies=tuple(_yaml(folder / "policies.yaml")["policies"]),
        published=tuple(changes["published"]),
        verified=tuple(changes["verified"]),
        unpublished=tuple(changes["unpublished"]),
        agents=_yaml(folder / "agents.yaml"),
        uploads=tuple(_yaml(folder / "sources.yaml")["uploads"]),
    )
    known = {change["slug"] for change in sample.published}
    for text in sample.texts.values():
        named = {slug for slug, _ in text.versions} | ({text.retired_by} if text.retired_by else set())
        if named - known:
            raise SampleBroken(f"{text.key}: changes.yaml has no {', '.join(sorted(named - known))}.")
    return sample


def replaced(payload: Mapping[str, Any], patch: Mapping[str, Any], *, name: str) -> dict[str, Any]:
    """The payload with a patch applied: `text` pairs, `data` properties, `claims` quantities by measure, other fields.

    The first of each pair must stand in the body exactly once; where it stands in data too, it is replaced there.
    """
    made = dict(payload)
    for here, there in patch.get("text", ()):
        if made["body"].count(here) != 1:
            raise SampleBroken(f"{name}: {here!r} stands {made['body'].count(here)} times in the text, not once.")
        made["body"] = made["body"].replace(here, there)
        made["data"] = _in_strings(made["data"], here, there)
    made["data"] = {**made["data"], **patch.get("data", {})}
    quantities = patch.get("claims", {})
    made["claims"] = [
        {**claim, "quantity": quantities.get(claim["measure"], claim["quantity"])} for claim in made["claims"]
    ]
    made.update({key: value for key, value in patch.items() if key not in {"text", "data", "claims"}})
    return made


def _texts(folder: Path, *, published: bool = True) -> Iterator[tuple[str, Text]]:
    for path in sorted(folder.glob("*/*.md")):
        if published and path.parent.name == "proposed":
            continue
        key = f"{path.parent.name}/{path.stem}"
        try:
            _, head, body = path.read_text("utf-8").split("---\n", 2)
            front: dict[str, Any] = yaml.load(head, _Loader)  # noqa: S506  a SafeLoader without timestamps
        except (ValueError, yaml.YAMLError) as error:
            raise SampleBroken(f"{path}: {error}") from error
        yield key, _text(key, front, body.strip() + "\n")


def _text(key: str, front: Mapping[str, Any], body: str) -> Text:
    relations = tuple(
        {"type": name, "key": target} for name, targets in front.get("relations", {}).items() for target in targets
    )
    payload: dict[str, Any] = {
        "domain": key.split("/")[0],
        "body": body,
        "data": {},
        "claims": [],
        "review_interval_days": front["review_days"],
        **{name: value for name, value in front.items() if name not in _ABOUT_HISTORY},
    }
    slugs, before = list(front.get("published_by", [""])), front.get("before", {})
    if set(before) != set(slugs[1:]):
        raise SampleBroken(f"{key}: `before` tells of {sorted(before)}, `published_by` of {slugs}.")
    versions = [(slugs[-1], payload)]
    for slug, earlier in zip(reversed(slugs[1:]), reversed(slugs[:-1]), strict=True):
        versions.insert(0, (earlier, replaced(versions[0][1], before[slug], name=key)))
    retired = front.get("retired", {})
    return Text(
        key=key,
        versions=tuple(versions),
        relations=relations,
        retired_by=retired.get("change"),
        replaced_by=retired.get("replaced_by"),
    )


def _in_strings(value: Any, here: str, there: str) -> Any:
    if isinstance(value, str):
        return value.replace(here, there)
    if isinstance(value, list):
        return [_in_strings(part, here, there) for part in value]
    if isinstance(value, dict):
        return {name: _in_strings(part, here, there) for name, part in value.items()}
    return value


def _yaml(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = yaml.load(path.read_text("utf-8"), _Loader)  # noqa: S506  as above
    except yaml.YAMLError as error:
        raise SampleBroken(f"{path}: {error}") from error
    return content

"""A small OpenAI-compatible server that reviews contracts by what stands in its prompt, and knows nothing of its own.

It answers as one of the three agents of the sample does, told apart by the schema that the answer is to keep: it finds
clauses by the rows of the clause library, marks them by the library's columns, and adds up points by the table of the
risk appetite. With another text in the prompt it answers otherwise; without one it finds nothing. Faults are scripted:
a status, a wait, words that it should not use. The same posts get the same answers.

Alone: `python -m tests.trio.stub --port 9009`, which prints its address.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

ROLES = {"clauses": "extractor", "comparison": "comparer", "score": "scorer"}
_BLOCK = re.compile(r"^## (?P<key>[a-z0-9/-]+), version (?P<number>\d+)$.*?^```+text$(?P<text>.*?)^```+$", re.M | re.S)
_QUANTITY = re.compile(r"(?P<gbp>GBP (?P<money>[\d,]+))|(?P<number>\d+) (?P<unit>hours|days)")
_REFERRED = re.compile(r"A score above (\d+) is referred to ([A-Z]\w+ \w+); above (\d+) to the ([A-Z]\w+ \w+)\.")
_OTHERWISE = re.compile(r"(\d+)(?:, or (\d+) if later than (\d+) hours)?")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What happens instead of an answer, or to it: a status, a wait in seconds, words put into each sentence.

    `until_told` words stand no more in an answer to a post that says what was not accepted.
    """

    status: int = 200
    seconds: float = 0.0
    words: str = ""
    until_told: bool = False


@dataclass
class Stub:
    """The server's address, what it was asked, and what is to go wrong next, one fault a post, by role or by model."""

    url: str
    asked: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    faults: dict[str, deque[Fault]] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def script(self, of: str, *faults: Fault) -> None:
        """These happen to the next posts in that role or to that model, the last of them to all that follow."""
        with self.lock:
            self.faults[of] = deque(faults)

    def prompts(self, role: str) -> list[str]:
        """The system messages that were sent to it in that role."""
        with self.lock:
            return [str(post["messages"][0]["content"]) for name, post in self.asked if name == role]

    def next_fault(self, role: str, post: Mapping[str, Any]) -> Fault:
        with self.lock:
            self.asked.append((role, post))
            left = self.faults.get(post["model"]) or self.faults.get(role)
            if not left:
                return Fault()
            return left.popleft() if len(left) > 1 else left[0]


@contextmanager
def serving(port: int = 0) -> Iterator[Stub]:
    """The server on a thread of its own, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, said = self._answer(body)
            sent = json.dumps(said, ensure_ascii=False).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def _answer(self, body: bytes) -> tuple[int, Any]:
            if self.path != "/v1/chat/completions":
                return 404, {"error": {"message": "There is nothing here."}}
            try:
                post = json.loads(body)
                role, answer = answer_to(post)
            except (ValueError, KeyError, TypeError, IndexError) as error:
                return 400, {"error": {"message": f"This is not a request that can be answered: {error}"}}
            fault = found.next_fault(role, post)
            time.sleep(fault.seconds)
            if fault.status != 200:
                return fault.status, {"error": {"message": "The stub was told to fail."}}
            told = any("was not accepted" in str(message["content"]) for message in post["messages"][1:])
            if fault.words and not (fault.until_told and told):
                answer = _with_words(answer, fault.words)
            return 200, completion(post, answer)

        def handle(self) -> None:
            with suppress(BrokenPipeError, ConnectionResetError):  # whoever asked did not wait for the answer
                super().handle()

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    found = Stub(url=f"http://127.0.0.1:{server.server_port}/v1")
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()


def completion(post: Mapping[str, Any], answer: Any) -> dict[str, Any]:
    """As OpenAI's API says it. A token is counted for every four characters."""
    text = json.dumps(answer, ensure_ascii=False)
    asked = sum(len(str(message["content"])) for message in post["messages"]) // 4
    return {
        "id": "chatcmpl-stub",
        "object": "chat.completion",
        "model": post["model"],
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": asked, "completion_tokens": len(text) // 4, "total_tokens": asked + len(text) // 4},
    }


def answer_to(post: Mapping[str, Any]) -> tuple[str, Any]:
    """Which agent this is for, and its answer, by the prompt alone."""
    wanted = post["response_format"]["json_schema"]["schema"]["required"][0]
    prompt, task = str(post["messages"][0]["content"]), json.loads(post["messages"][1]["content"])
    texts = {found["key"]: Text(found["key"], int(found["number"]), found["text"]) for found in _BLOCK.finditer(prompt)}
    role = ROLES[wanted]
    if role == "extractor":
        return role, {"clauses": find_clauses(task["document"], positions(texts))}
    if role == "comparer":
        return role, {"comparison": compare(task["clauses"], positions(texts))}
    return role, score(task["comparison"], texts)


@dataclass(frozen=True)
class Text:
    """A text of the bundle, as the prompt quotes it."""

    key: str
    number: int
    text: str

    @property
    def source(self) -> str:
        return f"{self.key}@{self.number}"


@dataclass(frozen=True, kw_only=True)
class Position:
    """A row of the clause library: what we write, what may be agreed, and in which text it says so."""

    subject: str
    ours: str
    fallback: str
    source: str


def positions(texts: Mapping[str, Text]) -> list[Position]:
    """The rows of a table whose first column is the subject of a clause."""
    found = []
    for text in texts.values():
        for cells in _tables(text.text):
            if len(cells) == 4 and "Subject" not in cells[0]:
                found.append(Position(subject=cells[0], ours=cells[1], fallback=cells[2], source=text.source))
    return found


def find_clauses(document: str, rows: Sequence[Position]) -> list[dict[str, Any]]:
    """Each sentence of the document that is about a row, under the row's own name."""
    found = []
    for place, sentence in enumerate(re.split(r"(?<=\.)\s+", document.strip()), start=1):
        about = max(rows, key=lambda row: _shared(row.subject, sentence), default=None)
        quantity = _quantity(sentence)
        if about is not None and quantity is not None and _shared(about.subject, sentence) >= 0.5:
            clause = {"subject": about.subject, "text": sentence, "place": f"sentence {place}"}
            found.append({**clause, "quantity": quantity[0], "unit": quantity[1]})
    return found


def compare(clauses: Sequence[Mapping[str, Any]], rows: Sequence[Position]) -> list[dict[str, Any]]:
    """Each clause beside our position, marked by the columns of the library."""
    found = []
    for clause in clauses:
        row = next((each for each in rows if each.subject == clause["subject"]), None)
        if row is None:
            continue
        said = f"We write {row.ours}; the desk may accept {row.fallback}."
        mark = _mark(clause["quantity"], _quantity(row.ours), _quantity(row.fallback))
        found.append({"subject": row.subject, "mark": mark, "our_position": said, "source": row.source})
    return found


def score(comparison: Sequence[Mapping[str, Any]], texts: Mapping[str, Text]) -> dict[str, Any]:
    """Points by the appetite's table, and who decides by its sentence on referral."""
    for text in texts.values():
        referred = _REFERRED.search(text.text)
        points = {cells[0]: cells[1] for cells in _tables(text.text) if len(cells) == 2}
        if referred is not None:
            findings = [found for each in comparison for found in _findings(each, points, text.source)]
            total = min(sum(found["points"] for found in findings), 100)
            counsel, committee = int(referred[1]), int(referred[3])
            decided = "Contracts desk" if total <= counsel else referred[2] if total <= committee else referred[4]
            return {"score": total, "findings": findings, "decided_by": decided}
    return {"score": 0, "findings": [], "decided_by": "Contracts desk"}


def _findings(marked: Mapping[str, Any], points: Mapping[str, str], source: str) -> Iterator[dict[str, Any]]:
    subject, mark = marked["subject"].casefold(), marked["mark"]
    wanted = {
        ("liability", "outside"): "cap below the fallback",
        ("liability", "fallback"): "cap below our standard",
        ("breach", "fallback"): "Breach notice later",
        ("breach", "outside"): "Breach notice later",
    }
    for (word, of_mark), row in wanted.items():
        if word not in subject or mark != of_mark:
            continue
        for finding, said in points.items():
            stated = _OTHERWISE.match(said)
            if row in finding and stated is not None:
                more = stated[2] if of_mark == "outside" and stated[2] else stated[1]
                yield {"finding": finding, "points": int(more), "source": source}


def _mark(stated: int, ours: tuple[int, str] | None, fallback: tuple[int, str] | None) -> str:
    """Of money more is better for us, of time less."""
    if ours is None:
        return "outside"
    sign = 1 if ours[1] == "GBP" else -1
    if stated * sign > ours[0] * sign:
        return "better"
    if stated == ours[0]:
        return "equal"
    return "fallback" if fallback is not None and stated * sign >= fallback[0] * sign else "outside"


def _tables(text: str) -> Iterator[list[str]]:
    for line in text.splitlines():
        if line.startswith("|") and not set(line) <= set("|-: "):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def _quantity(text: str) -> tuple[int, str] | None:
    found = _QUANTITY.search(text)
    if found is None:
        return None
    if found["gbp"]:
        return int(found["money"].replace(",", "")), "GBP"
    return int(found["number"]), found["unit"]


def _shared(subject: str, sentence: str) -> float:
    """How much of the subject's longer words stand in the sentence, by their beginnings."""
    words = {word[:6] for word in re.findall(r"[a-z]{5,}", subject.casefold())}
    there = {word[:6] for word in re.findall(r"[a-z]{5,}", sentence.casefold())}
    return len(words & there) / len(words) if words else 0.0


def _with_words(answer: Any, words: str) -> Any:
    """The answer with these words in each position that it states."""
    parts = answer.get("comparison", [])
    return {**answer, "comparison": [{**each, "our_position": f"{each['our_position']} {words}"} for each in parts]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    with serving(parser.parse_args().port) as stub:
        print(stub.url, flush=True)  # noqa: T201
        while True:
            time.sleep(3_600)


if __name__ == "__main__":
    main()

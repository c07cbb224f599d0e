"""The permission matrix, declared: what each persona gets at each address."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

# What an answer may be. Numbers are statuses; words are redirects, which are told apart by where they lead and what
# the ledger says: SIGN_IN; REFUSED in words on the page it came from, nothing done; DONE, with an event; MOVED on,
# nothing done and nothing refused; GONE, the admin's way of saying that there is no such row.
SIGN_IN, REFUSED, DONE, MOVED, GONE = "sign in", "refused", "done", "moved", "gone"
Outcome = int | str
DENIALS = {SIGN_IN, REFUSED, GONE}


def is_denial(outcome: Outcome) -> bool:
    return outcome in DENIALS or (isinstance(outcome, int) and outcome >= 400)


Nine = tuple[Outcome, ...]  # in the order of PERSONAS


@dataclass(frozen=True, kw_only=True)
class Row:
    """One address and method. `own` and `other` say what those get who may see the thing named, in each domain.

    `of` is what it names: nothing, an item, or a change; who may not see that gets `hidden`, and the same where there
    is no such thing.
    """

    pattern: str
    path: str
    method: str = "GET"
    of: str = ""
    own: Nine
    other: Nine | None = None
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    hidden: Outcome = 404


def page(pattern: str, path: str, own: Nine, other: Nine | None = None, **more: Any) -> Row:
    return Row(pattern=pattern, path="/" + path, own=own, other=other, **more)


def post(pattern: str, path: str, own: Nine, other: Nine | None = None, body: Any = None, **more: Any) -> Row:
    return Row(pattern=pattern, path="/" + path, own=own, other=other, method="POST", body=body or {}, **more)


def api(method: str, pattern: str, own: Nine, other: Nine | None = None, body: Any = None, **more: Any) -> Row:
    path = more.pop("path", pattern)
    return Row(
        pattern="api/v1/" + pattern, path="/api/v1/" + path, method=method, own=own, other=other, body=body, **more
    )


def nine(anonymous: Outcome, everybody: Outcome, agent: Outcome, **exceptions: Outcome) -> Nine:
    """`everybody` signed in gets one thing, but for the exceptions named."""
    people = ("outsider", "reader", "author", "reviewer", "owner", "auditor", "administrator")
    return (anonymous, *(exceptions.get(name, everybody) for name in people), agent)


def people(everybody: Outcome, **exceptions: Outcome) -> Nine:
    """A page: whoever has no session, agents too, is led to the sign-in."""
    return nine(SIGN_IN, everybody, SIGN_IN, **exceptions)


def callers(everybody: Outcome, agent: Outcome = 403, **exceptions: Outcome) -> Nine:
    """The API: a credential is asked for; agents only where the address is open to them."""
    return nine(401, everybody, agent, **exceptions)


AUDITORS = {"auditor": 200, "administrator": 200}
# Who has a part in the domain of a contract.
IN_DOMAIN = {"author": 200, "reviewer": 200, "owner": 200, **AUDITORS}
FELT_GAP = {"requirement": "token_budget", "code": "over_budget", "to": "owner"}
RUN, HELD = "^runs/(?P<run_id>[0-9a-f-]{36})/", {"lease_token": "x" * 43}
MEMORY, ENTRY = r"^memory/(?P<namespace>[a-z]{1,10}:[a-z0-9-]{1,60})/", r"(?P<key>[A-Za-z0-9._-]{1,120})/$"
EDITORS = {"author": DONE, "owner": DONE, "administrator": DONE}
IT, C = "items/<slug:domain>/<slug:slug>/", "changes/<int:number>/"
AI = "context/items/<slug:domain>/<slug:slug>/"
AC = "changes/<int:change_id>/"
FI = "drift/findings/<int:finding_id>/"
PUSH = "^agents/(?P<slug>[a-z0-9-]{1,60})/push-target/"
BUDGET = "^budgets/(?P<of>agents|domains)/(?P<slug>[a-z0-9-]{1,60})/(?P<period>day|month)/$"
FLOW, FLOW_RUN = "^flows/(?P<slug>[a-z0-9-]{1,60})/", "^flow-runs/(?P<flow_run_id>[0-9a-f-]{36})/"
RECALL, RECALLED = "^recalls/(?P<case_id>[0-9]{1,18})/", "item=legal/public-text&version=1"
MATCH = {"If-Match": "{etag}"}
NEW = {"title": "A title", "reason": "A reason"}
ONLY_AUTHOR = callers(404, author=200)
MORE = {"op": "create", "kind": "policy", "domain": "legal", "title": "More"}
EDIT = {"op": "revise", "key": "{key}", "body": "Another text."}

ROWS: list[Row] = [
    # The edge
    page("healthz", "healthz", (200,) * 9),
    page("readyz", "readyz", (200,) * 9),
    page("favicon.ico", "favicon.ico", (MOVED,) * 9),
    page("sign-in/", "sign-in/", nine(200, MOVED, 200)),
    page("sign-out/", "sign-out/", (405,) * 9),
    post("theme/", "theme/", (MOVED,) * 9, None, {"theme": "dark"}),
    page("api/^(?P<rest>.*)$", "api/nothing/", (404,) * 9),
    # Pages of nothing in particular
    page("", "", people(200)),
    page("profile/", "profile/", people(200)),
    post("profile/tokens/", "profile/tokens/", people(200), None, {"name": "mine"}),
    post("profile/tokens/<int:token_id>/revoke/", "profile/tokens/{token}/revoke/", people(404, owner=DONE)),
    post("profile/absence/", "profile/absence/", people(REFUSED), None, {"to": "nobody"}),
    post(
        "profile/absence/<int:delegation_id>/end/",
        "profile/absence/{delegation}/end/",
        people(404, owner=DONE, reviewer=DONE, administrator=DONE),
    ),
    post("items/autosave/", "items/autosave/", people(200), None, {"autosave_subject": "new/policy"}),
    post("items/autosave/forget/", "items/autosave/forget/", people(MOVED), None, {"subject": "new/policy"}),
    page("items/new/", "items/new/?kind=policy", people(403, author=200, owner=200, administrator=200)),
    post("items/preview/", "items/preview/", people(200), None, {"body": "Some text."}),
    post("items/checks/", "items/checks/", people(200), None, {"kind": "policy", "title": "A", "body": "Some text."}),
    page("items/keys/", "items/keys/?q=text", people(200)),
    page("changes/", "changes/", people(200)),
    page("inbox/", "inbox/", people(200)),
    page("findings/", "findings/", people(200)),
    page("readiness/", "readiness/?domain=legal", people(200)),
    page("readiness/table.csv", "readiness/table.csv", people(200)),
    post("readiness/start/", "readiness/start/", people(REFUSED, owner=DONE, administrator=DONE), None,
         {"domain": "legal", "function": "legal"}),
    page("policies/", "policies/", people(200)),
    page("items/", "items/?q=text", people(200)),
    page("items/export/", "items/export/?q=text", people(200)),
    post("items/views/", "items/views/", people(DONE), None, {"name": "Texts", "query": "q=text", "shared": "1"}),
    post("items/views/<int:view_id>/remove/", "items/views/999999/remove/", people(404)),
    page("domains/", "domains/", people(200)),
    page("domains/<slug:slug>/", "domains/legal/", people(200)),
    page("agents/", "agents/", people(200)),
    page("contracts/", "contracts/", people(200)),
    page("gaps/", "gaps/", people(200)),
    page("skew/", "skew/", people(200)),
    page("reports/", "reports/", people(200)),
    page("audit/", "audit/", people(404, **AUDITORS)),
    post("audit/verify/", "audit/verify/", people(404, **AUDITORS)),
    page("audit/checkpoints/", "audit/checkpoints/", people(404, **AUDITORS)),
    post("audit/checkpoints/now/", "audit/checkpoints/now/", people(404, auditor=DONE, administrator=DONE)),
    page("audit/checkpoints/<int:sequence>/", "audit/checkpoints/{checkpoint}/", people(404, **AUDITORS)),
    page("audit/evidence/", "audit/evidence/?item=legal/public-text", people(404, **AUDITORS)),
    page("verifiers/<slug:name>.py", "verifiers/verify_receipt.py", people(200)),
    page("audit/<int:sequence>/", "audit/1/", people(404, **AUDITORS)),
    page("profile/notifications/", "profile/notifications/", people(200)),
    post("profile/notifications/read/", "profile/notifications/read/", people(MOVED)),
    post("profile/notifications/choices/", "profile/notifications/choices/", people(MOVED)),
    post("profile/notifications/webhook/", "profile/notifications/webhook/", people(MOVED)),
    page("findings/<int:number>/", "findings/{finding}/", people(404, owner=200, **AUDITORS)),
    page("findings/scans/", "findings/scans/", people(404, owner=200, **AUDITORS)),
    post("findings/scans/", "findings/scans/", people(404, owner=DONE, auditor=REFUSED, administrator=DONE), None,
         {"domain": "legal"}),
    page("findings/scans/<int:number>/", "findings/scans/{scan}/", people(404, owner=200, **AUDITORS)),
    page("findings/detectors/", "findings/detectors/", people(200)),
    page("findings/detectors/<slug:name>/", "findings/detectors/stale/?domain=legal", people(200)),
    post("findings/detectors/<slug:name>/tune/", "findings/detectors/stale/tune/",
         people(REFUSED, owner=DONE, administrator=DONE), None, {"domain": "legal", "enabled": "1"}),
    post("findings/settle/", "findings/settle/", people(REFUSED, owner=DONE, administrator=DONE), None,
         {"finding": "{finding}", "step": "acknowledge"}),
    post("findings/<int:number>/settle/", "findings/{finding}/settle/",
         people(404, owner=DONE, auditor=REFUSED, administrator=DONE), None, {"step": "acknowledge"}),
    page("agents/<slug:slug>/", "agents/{agent}/", people(404, owner=200, **AUDITORS)),
    page("contracts/<slug:slug>/", "contracts/{contract}/", people(404, **IN_DOMAIN)),
    page("contracts/new/", "contracts/new/", people(403, owner=200, administrator=200)),
    page("contracts/<slug:slug>/edit/", "contracts/{contract}/edit/",
        people(404, author=403, reviewer=403, auditor=403, owner=200, administrator=200)),
    post("contracts/<slug:slug>/retire/", "contracts/{contract}/retire/",
        people(REFUSED, author=403, reviewer=403, auditor=403, owner=DONE, administrator=DONE), body={"reason": "R"}),
    post("contracts/<slug:slug>/versions/<int:number>/revert/", "contracts/{contract}/versions/1/revert/",
        people(REFUSED, author=403, reviewer=403, auditor=403)),
    page("gaps/assign/", "gaps/assign/?requirement=token_budget&code=over_budget",
        people(404, auditor=403, owner=200, administrator=200)),
    post("gaps/assign/", "gaps/assign/", people(REFUSED, auditor=403, owner=DONE, administrator=DONE),
        body=FELT_GAP),
    post("agents/<slug:slug>/state/", "agents/{agent}/state/",
         people(404, owner=DONE, auditor=REFUSED, administrator=DONE), None, {"state": "suspended", "reason": "R"}),
    post("agents/<slug:slug>/keys/", "agents/{agent}/keys/", people(404, owner=200, auditor=403, administrator=200),
         None, {"name": "mine", "scopes": "context:read"}),
    post("agents/<slug:slug>/keys/<slug:prefix>/rotate/", "agents/{agent}/keys/{prefix}/rotate/",
         people(404, owner=200, auditor=403, administrator=200)),
    post("agents/<slug:slug>/keys/<slug:prefix>/revoke/", "agents/{agent}/keys/{prefix}/revoke/",
         people(404, owner=DONE, auditor=403, administrator=DONE)),
    # How runs reach an agent, and what they may use
    post("agents/<slug:slug>/push/", "agents/{agent}/push/", people(404, owner=422, auditor=403, administrator=422),
         None, {"kind": "webhook", "url": "https://agents.example.org/run"}),
    page("budgets/", "budgets/", people(200)),
    post("budgets/set/", "budgets/set/", people(REFUSED, owner=DONE, administrator=DONE), None,
         {"of": "domain:legal", "period": "month", "tokens": "5", "reason": "R"}),
    # Routes: for who has a part in their domain; proposed by who answers for it
    page("routes/", "routes/", people(200)),
    page("routes/new/", "routes/new/", people(403, owner=200, administrator=200)),
    page("routes/decisions/<int:number>/", "routes/decisions/{decision}/", people(200, outsider=404)),
    page("routes/<slug:slug>/", "routes/routes/", people(200, outsider=404)),
    page("routes/<slug:slug>/edit/", "routes/routes/edit/", people(403, outsider=404, owner=200, administrator=200)),
    page("endpoints/", "endpoints/", people(404, **AUDITORS)),
    page("endpoints/<slug:slug>/", "endpoints/{endpoint}/", people(404, **AUDITORS)),
    post("endpoints/add/", "endpoints/add/", people(404, auditor=REFUSED, administrator=DONE), None,
         {"slug": "new", "name": "New", "provider": "P", "owner": "owner", "model": "m", "price_in": "1",
          "price_out": "2"}),
    post("endpoints/<slug:slug>/change/", "endpoints/{endpoint}/change/",
         people(404, auditor=REFUSED, administrator=DONE), None, {"do": "promote", "number": "1", "reason": "R"}),
    page("agents/unsanctioned/", "agents/unsanctioned/", people(404, **AUDITORS)),
    post("agents/unsanctioned/<int:number>/", "agents/unsanctioned/{use}/",
         people(404, auditor=REFUSED, administrator=DONE), None, {"state": "blocked", "reason": "R"}),
    # Pages of an item
    page(IT, "items/{key}/", people(200), of="item"),
    page(IT + "versions/<int:number>/", "items/{key}/versions/1/", people(200), of="item"),
    page(IT + "diff/", "items/{key}/diff/?from=1&to=2", people(200), of="item"),
    page(IT + "edit/", "items/{key}/edit/", people(403, author=200, owner=200, administrator=200),
         people(403, administrator=200), of="item"),
    page(IT + "retire/", "items/{key}/retire/", people(403, author=200, owner=200, administrator=200),
         people(403, administrator=200), of="item"),
    post(IT + "versions/<int:number>/revert/", "items/{key}/versions/1/revert/",
         people(REFUSED, author=DONE, owner=DONE, administrator=DONE), people(REFUSED, administrator=DONE),
         {"reason": "It was better."}, of="item"),
    page(IT + "source/", "items/{key}/source/", people(MOVED), of="item"),
    post(IT + "source/check/", "items/{key}/source/check/", people(REFUSED, **EDITORS),
         people(REFUSED, administrator=DONE), of="item"),
    post(IT + "source/interval/", "items/{key}/source/interval/", people(REFUSED, **EDITORS),
         people(REFUSED, administrator=DONE), {"hours": "6"}, of="item"),
    post(IT + "source/upload/", "items/{key}/source/upload/", people(REFUSED), of="item"),
    post("items/verify/", "items/verify/", people(REFUSED, owner=DONE), people(REFUSED), {"key": "{key}"}, of="item"),
    post("items/assign/", "items/assign/", people(REFUSED, **EDITORS), people(REFUSED, administrator=DONE),
         {"key": "{key}", "new_owner": "checker", "reason": "They know it."}, of="item", hidden=REFUSED),
    # Pages of a change in review that somebody else wrote
    page(C, "changes/{change}/", people(200), of="change"),
    page(C + "edits/<int:edit_id>/", "changes/{change}/edits/{edit}/", people(200), of="change"),
    page(C + "edits/<int:edit_id>/edit/", "changes/{change}/edits/{edit}/edit/", people(MOVED), of="change"),
    page(C + "edits/<int:edit_id>/rebase/", "changes/{change}/edits/{edit}/rebase/", people(200), of="change"),
    post(C + "describe/", "changes/{change}/describe/", people(REFUSED, **EDITORS),
         people(REFUSED, administrator=DONE), {"title": "Mine", "reason": "Mine"}, of="change"),
    post(C + "remove/", "changes/{change}/remove/", people(REFUSED, **EDITORS),
         people(REFUSED, administrator=DONE), {"key": "{key}"}, of="change"),
    post(C + "submit/", "changes/{change}/submit/", people(REFUSED), of="change"),
    post(C + "withdraw/", "changes/{change}/withdraw/", people(REFUSED, **EDITORS),
         people(REFUSED, administrator=DONE), of="change"),
    post(C + "reopen/", "changes/{change}/reopen/", people(REFUSED, **EDITORS),
         people(REFUSED, administrator=DONE), of="change"),
    post(C + "review/", "changes/{change}/review/", people(REFUSED, reviewer=DONE),
         people(REFUSED), {"decision": "approve", "digest": "{digest}"}, of="change"),
    post(C + "publish/", "changes/{change}/publish/", people(REFUSED), of="change"),
    post(C + "undo/", "changes/{change}/undo/", people(REFUSED), of="change"),
    post(C + "comments/", "changes/{change}/comments/", people(DONE), None, {"text": "I see."}, of="change"),
    post(C + "comments/<int:comment_id>/settle/", "changes/{change}/comments/{comment}/settle/", people(REFUSED),
         of="change"),
    post(C + "emergency/", "changes/{change}/emergency/", people(REFUSED, owner=DONE, administrator=DONE),
         people(REFUSED, administrator=DONE), {"reason": "The building is on fire, and this says where to go."},
         of="change"),
    post(C + "ratify/", "changes/{change}/ratify/", people(REFUSED), None, {"verdict": "ratify"}, of="change"),
    # The API
    api("GET", "schema/", (200,) * 9),
    api("GET", "docs/", (200,) * 9),
    api("GET", "context/items/", callers(200, 200)),
    api("GET", "context/search/", callers(200, 200), path="context/search/?q=text"),
    api("GET", "context/kinds/", callers(200, 200)),
    api("GET", "context/domains/", callers(200, 200)),
    api("GET", "context/inventory/", callers(200)),
    api("GET", AI, callers(200, 200), path="context/items/{key}/", of="item"),
    api("GET", AI + "versions/", callers(200, 200), path="context/items/{key}/versions/", of="item"),
    api("GET", AI + "versions/<int:number>/", callers(200, 200), path="context/items/{key}/versions/1/", of="item"),
    api("GET", AI + "diff/", callers(200, 200), path="context/items/{key}/diff/?from=1&to=2", of="item"),
    api("POST", "context/items/verify/", callers(403, owner=200), callers(403), {"keys": ["{key}"]}, of="item"),
    api("GET", "changes/", callers(200)),
    api("POST", "changes/", callers(201), None, NEW),
    api("POST", "changes/", callers(403, author=201, owner=201, administrator=201),
        callers(403, administrator=201), {**NEW, "edits": [EDIT]}, of="item", hidden=422),
    api("GET", AC, callers(200), path="changes/{change}/", of="change"),
    api("PATCH", AC, callers(403, author=200, owner=200, administrator=200), callers(403, administrator=200),
        {"title": "Mine"}, path="changes/{change}/", headers=MATCH, of="change"),
    api("GET", AC + "diff/", callers(200), path="changes/{change}/diff/", of="change"),
    api("GET", AC + "screening/", callers(200), path="changes/{change}/screening/", of="change"),
    api("GET", AC + "impact/", callers(200), path="changes/{change}/impact/", of="change"),
    api("GET", AC + "edits/", callers(200), path="changes/{change}/edits/", of="change"),
    api("POST", AC + "edits/", callers(403, author=201, owner=201, administrator=201),
        callers(403, administrator=201), EDIT, path="changes/{change}/edits/", headers=MATCH, of="change"),
    api("GET", AC + "edits/<slug:domain>/<slug:slug>/", callers(200), path="changes/{change}/edits/{key}/",
        of="change"),
    api("PUT", AC + "edits/<slug:domain>/<slug:slug>/", callers(403, author=200, owner=200, administrator=200),
        callers(403, administrator=200), {"op": "revise", "body": "Mine."}, path="changes/{change}/edits/{key}/",
        headers=MATCH, of="change"),
    api("GET", AC + "records/<slug:record>/<slug:key>/", callers(404), path="changes/{change}/records/contract/review/",
        of="change"),
    api("PUT", AC + "records/<slug:record>/<slug:key>/", callers(403, owner=200, administrator=200),
        callers(403, administrator=200), {"op": "revise", "payload": {"token_budget": 5000}},
        path="changes/{change}/records/contract/review/", headers=MATCH, of="change"),
    api("DELETE", AC + "records/<slug:record>/<slug:key>/", callers(403, author=404, owner=404, administrator=404),
        callers(403, administrator=404), path="changes/{change}/records/contract/review/", headers=MATCH, of="change"),
    api("DELETE", AC + "edits/<slug:domain>/<slug:slug>/", callers(403, author=200, owner=200, administrator=200),
        callers(403, administrator=200), path="changes/{change}/edits/{key}/", headers=MATCH, of="change"),
    api("POST", AC + "submit/", callers(403, author=409, owner=409, administrator=409),
        callers(403, administrator=409), {}, path="changes/{change}/submit/", of="change"),
    api("POST", AC + "withdraw/", callers(403, author=200, owner=200, administrator=200),
        callers(403, administrator=200), {}, path="changes/{change}/withdraw/", of="change"),
    api("POST", AC + "reopen/", callers(403, author=200, owner=200, administrator=200),
        callers(403, administrator=200), {}, path="changes/{change}/reopen/", of="change"),
    api("POST", AC + "reviews/", callers(403, reviewer=200), callers(403),
        {"decision": "approve", "digest": "{digest}"}, path="changes/{change}/reviews/", of="change"),
    api("POST", AC + "publish/", callers(403, reviewer=409, owner=409, administrator=409),
        callers(403, administrator=409), {}, path="changes/{change}/publish/", of="change"),
    api("POST", AC + "revert/", callers(409), None, {"reason": "R"}, path="changes/{change}/revert/", of="change"),
    # A draft is of those alone who edit it; no write of it goes through without saying which copy it was made on.
    page(C, "changes/{draft}/", people(404, author=200)),
    api("GET", AC, ONLY_AUTHOR, path="changes/{draft}/"),
    api("GET", AC + "diff/", ONLY_AUTHOR, path="changes/{draft}/diff/"),
    api("GET", AC + "impact/", ONLY_AUTHOR, path="changes/{draft}/impact/"),
    api("GET", AC + "edits/", ONLY_AUTHOR, path="changes/{draft}/edits/"),
    api("GET", AC + "edits/<slug:domain>/<slug:slug>/", ONLY_AUTHOR, path="changes/{draft}/edits/legal/draft/"),
    api("PATCH", AC, callers(404, author=428), None, {"title": "Mine"}, path="changes/{draft}/"),
    api("POST", AC + "edits/", callers(404, author=428), None, MORE, path="changes/{draft}/edits/"),
    api("PUT", AC + "edits/<slug:domain>/<slug:slug>/", callers(404, author=428), None, MORE,
        path="changes/{draft}/edits/legal/draft/"),
    api("DELETE", AC + "edits/<slug:domain>/<slug:slug>/", callers(404, author=428),
        path="changes/{draft}/edits/legal/draft/"),
    api("POST", AC + "submit/", ONLY_AUTHOR, None, {}, path="changes/{draft}/submit/"),
    api("POST", "drift/scans/", callers(403, owner=202, administrator=202), None, {"domain": "legal"}),
    api("GET", "drift/scans/<int:scan_id>/", callers(404, owner=200, **AUDITORS), path="drift/scans/{scan}/"),
    api("GET", AC + "comments/", callers(200), path="changes/{change}/comments/", of="change"),
    api("POST", AC + "comments/", callers(201), None, {"text": "I see."}, path="changes/{change}/comments/",
        of="change"),
    api("POST", AC + "comments/<int:comment_id>/settle/", callers(403), None, {},
        path="changes/{change}/comments/{comment}/settle/", of="change"),
    api("GET", AC + "edits/<slug:domain>/<slug:slug>/rebase/", callers(200),
        path="changes/{change}/edits/{key}/rebase/", of="change"),
    api("POST", AC + "edits/<slug:domain>/<slug:slug>/rebase/",
        callers(403, author=200, owner=200, administrator=200), callers(403, administrator=200), {},
        path="changes/{change}/edits/{key}/rebase/", of="change"),
    api("POST", AC + "emergency/", callers(403, owner=200, administrator=200), callers(403, administrator=200),
        {"reason": "The building is on fire, and this says where to go."}, path="changes/{change}/emergency/",
        of="change"),
    api("POST", AC + "ratifications/", callers(409), None, {"verdict": "ratify"},
        path="changes/{change}/ratifications/", of="change"),
    api("GET", AC + "reviews/<int:review_id>/receipt/", callers(404), path="changes/{change}/reviews/999999/receipt/",
        of="change"),
    api("GET", AI + "editing/", callers(200), path="context/items/{key}/editing/", of="item"),
    api("PUT", AI + "editing/", callers(200), None, {}, path="context/items/{key}/editing/", of="item"),
    api("DELETE", AI + "editing/", callers(200), path="context/items/{key}/editing/", of="item"),
    api("GET", AI + "source/", callers(200), path="context/items/{key}/source/", of="item"),
    api("POST", AI + "source/check/", callers(403, author=202, owner=202, administrator=202),
        callers(403, administrator=202), {}, path="context/items/{key}/source/check/", of="item"),
    api("POST", AI + "source/interval/", callers(403, author=200, owner=200, administrator=200),
        callers(403, administrator=200), {"interval_hours": 1}, path="context/items/{key}/source/interval/", of="item"),
    api("POST", AI + "source/upload/", callers(403, author=200, owner=200, administrator=200),
        callers(403, administrator=200), {"name": "a.md", "text": "First."}, path="context/items/{key}/source/upload/",
        of="item"),
    api("GET", "inbox/", callers(200)),
    api("GET", "delegations/", callers(200)),
    api("POST", "delegations/", callers(422), None, {"to": "nobody", "until_at": "2030-01-01", "reason": "Away"}),
    api("POST", "delegations/<int:delegation_id>/end/", callers(404, owner=200, reviewer=200, administrator=200), None,
        {}, path="delegations/{delegation}/end/"),
    api("GET", "drift/findings/", callers(200)),
    api("GET", FI, callers(404, owner=200, **AUDITORS), path="drift/findings/{finding}/"),
    api("POST", FI + "acknowledge/", callers(404, owner=200, auditor=403, administrator=200), None, {},
        path="drift/findings/{finding}/acknowledge/"),
    api("POST", FI + "resolve/", callers(404, owner=200, auditor=403, administrator=200), None, {"reason": "Mended."},
        path="drift/findings/{finding}/resolve/"),
    api("POST", FI + "dismiss/", callers(404, owner=200, auditor=403, administrator=200), None,
        {"reason": "It is none."}, path="drift/findings/{finding}/dismiss/"),
    api("POST", FI + "assign/", callers(404, owner=200, auditor=403, administrator=200), None, {"owner": "reviewer"},
        path="drift/findings/{finding}/assign/"),
    api("POST", FI + "except/", callers(422), None, {"reason": "For now.", "until": "2020-01-01"},
        path="drift/findings/{finding}/except/"),
    api("GET", "audit/evidence/", callers(403, **AUDITORS), path="audit/evidence/?item=legal/public-text"),
    api("GET", "audit/streams/", callers(403, **AUDITORS)),
    api("POST", "audit/streams/", callers(403, administrator=201), None,
        {"name": "siem", "url": "https://siem.example.org/in"}),
    api("DELETE", "audit/streams/<slug:name>/", callers(403, administrator=404), path="audit/streams/none/"),
    api("POST", "audit/streams/<slug:name>/pause/", callers(403, administrator=404), None, {},
        path="audit/streams/none/pause/"),
    api("POST", "audit/streams/<slug:name>/resume/", callers(403, administrator=404), None, {},
        path="audit/streams/none/resume/"),
    api("GET", "audit/holds/", callers(403, **AUDITORS)),
    api("POST", "audit/holds/", callers(403, auditor=201, administrator=201), None,
        {"name": "Case 7", "reason": "A claim.", "subject_type": "item", "subject_id": "legal/public-text"}),
    api("POST", "audit/holds/<int:hold_id>/lift/", callers(403, auditor=404, administrator=404), None,
        {"reason": "It is over."}, path="audit/holds/999999/lift/"),
    api("GET", "audit/retention/", callers(403, **AUDITORS)),
    api("POST", "audit/retention/", callers(403, administrator=200), None, {"action_prefix": "agents", "days": 400}),
    api("POST", "audit/checkpoints/", callers(403, auditor=201, administrator=201), None, {}),
    api("GET", "audit/events/", callers(403, **AUDITORS)),
    api("GET", "audit/verify/", callers(403, **AUDITORS)),
    api("GET", "audit/export/", callers(403, **AUDITORS)),
    api("GET", "audit/events/<int:sequence>/proof/", callers(403, **AUDITORS), path="audit/events/1/proof/"),
    api("GET", "audit/checkpoints/", callers(403, **AUDITORS)),
    api("GET", "audit/checkpoints/<int:sequence>/proof/", callers(403, **AUDITORS),
        path="audit/checkpoints/{checkpoint}/proof/"),
    post("mcp", "mcp", nine(401, 401, 200), None, {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}),
    api("POST", "^bundles/$", nine(401, 401, 200), None, {"contract": "review"}, path="bundles/"),
    api("GET", "^bundles/(?P<digest>[0-9a-f]{64})/$", nine(401, 401, 200), path="bundles/{bundle}/"),
    api("GET", "^bundles/(?P<digest>[0-9a-f]{64})/$", nine(401, 401, 404), path=f"bundles/{'0' * 64}/"),
    api("GET", "^receipts/(?P<receipt_id>[0-9]{1,18})/$", callers(404, 200, owner=200, **AUDITORS),
        path="receipts/{receipt}/"),
    api("GET", "^skew/$", callers(200), path="skew/"),
    api("GET", "^signing-keys/$", (200,) * 9, path="signing-keys/"),
    api("GET", "^contracts/(?P<slug>[a-z0-9-]{1,60})/changes/$", nine(401, 401, 200),
        path="contracts/review/changes/"),
    api("GET", "^contracts/$", callers(200, 200), path="contracts/"),
    api("GET", "^contracts/(?P<slug>[a-z0-9-]{1,60})/$", callers(404, 200, **IN_DOMAIN), path="contracts/review/"),
    api("GET", "^contracts/(?P<slug>[a-z0-9-]{1,60})/availability/$", callers(404, 200, **IN_DOMAIN),
        path="contracts/review/availability/"),
    api("GET", "^gaps/$", callers(200), path="gaps/"),
    api("GET", "^kpis/$", callers(200), path="kpis/"),
    api("POST", "^gaps/assign/$", callers(404, auditor=403, owner=201, administrator=201), body=FELT_GAP,
        path="gaps/assign/"),
    page("flows/", "flows/", people(200)),
    page("flows/new/", "flows/new/", people(403, owner=200, administrator=200)),
    page("flows/runs/", "flows/runs/", people(200)),
    page("flows/runs/<uuid:flow_run_id>/", "flows/runs/{flow_run}/", people(404, owner=200, **AUDITORS)),
    post("flows/runs/<uuid:flow_run_id>/cancel/", "flows/runs/{flow_run}/cancel/",
         people(404, auditor=403, owner=DONE, administrator=DONE), None, {"reason": "No."}),
    page("flows/<slug:slug>/", "flows/flow/", people(200, outsider=404)),
    post("flows/<slug:slug>/start/", "flows/flow/start/", people(DONE, outsider=404), None, {"input": "null"}),
    page("flows/<slug:slug>/edit/", "flows/flow/edit/", people(403, outsider=404, owner=200, administrator=200)),
    post("flows/<slug:slug>/retire/", "flows/flow/retire/",
         people(403, outsider=404, owner=DONE, administrator=DONE), None, {"reason": "R"}),
    post("flows/<slug:slug>/versions/<int:number>/revert/", "flows/flow/versions/1/revert/",
         people(403, outsider=404, owner=REFUSED, administrator=REFUSED)),
    page("recalls/", "recalls/", people(200)),
    page("recalls/new/", f"recalls/new/?{RECALLED}", people(403, owner=200, administrator=200)),
    post("recalls/new/", "recalls/new/", people(403, owner=DONE, administrator=DONE), None,
         {"item": "legal/public-text", "version": "1", "reason": "R"}),
    page("recalls/<int:number>/", "recalls/{recall}/", people(404, owner=200, **AUDITORS)),
    post("recalls/<int:number>/settle/", "recalls/{recall}/settle/",
         people(404, auditor=403, owner=DONE, administrator=DONE), None,
         {"entry": "{recall_entry}", "settle": "accepted", "note": "N"}),
    post("recalls/<int:number>/extend/", "recalls/{recall}/extend/",
         people(404, auditor=403, owner=REFUSED, administrator=REFUSED)),
    api("GET", "^recalls/$", callers(200), path="recalls/"),
    api("GET", "^recalls/trace/$", callers(403, owner=200, administrator=200), path=f"recalls/trace/?{RECALLED}"),
    api("POST", "^recalls/$", callers(403, owner=201, administrator=201), None,
        {"item": "legal/public-text", "version": 1, "reason": "R"}, path="recalls/"),
    api("GET", RECALL + "$", callers(404, owner=200, **AUDITORS), path="recalls/{recall}/"),
    api("GET", RECALL + "entries/$", callers(404, owner=200, **AUDITORS), path="recalls/{recall}/entries/"),
    api("POST", RECALL + "settle/$", callers(404), None,
        {"entries": [999999], "state": "accepted", "note": "N"}, path="recalls/{recall}/settle/"),
    api("POST", RECALL + "extend/$", callers(404, auditor=403, owner=409, administrator=409), None, {},
        path="recalls/{recall}/extend/"),
    page("runs/", "runs/", people(200)),
    page("runs/<uuid:run_id>/", "runs/{run}/", people(404, owner=200, **AUDITORS)),
    page("runs/reviews/", "runs/reviews/", people(200)),
    page("runs/<uuid:run_id>/review/", "runs/{run}/review/", people(404, owner=200, **AUDITORS)),
    post("runs/<uuid:run_id>/review/", "runs/{run}/review/",
        people(404, auditor=403, owner=409, administrator=409), None, {"decision": "approve"}),
    post("runs/<uuid:run_id>/steer/", "runs/{run}/steer/",
        people(404, auditor=403, owner=DONE, administrator=DONE), None, {"verb": "cancel", "reason": "No."}),
    api("GET", "^runs/$", callers(200, 200), path="runs/"),
    api("GET", RUN + "$", callers(404, 200, owner=200, **AUDITORS), path="runs/{run}/"),
    api("POST", "^runs/claim/$", callers(403, 200), None, {}, path="runs/claim/"),
    api("POST", RUN + "heartbeat/$", callers(403, 409), None, HELD, path="runs/{run}/heartbeat/"),
    api("POST", RUN + "steps/$", callers(403, 409), None, {**HELD, "key": "a", "operation": "chat", "name": "Ask"},
        path="runs/{run}/steps/"),
    api("POST", RUN + "complete/$", callers(403, 409), None, {**HELD, "output": 1}, path="runs/{run}/complete/"),
    api("POST", RUN + "fail/$", callers(403, 409), None, {**HELD, "cause": "x", "detail": "y"},
        path="runs/{run}/fail/"),
    api("POST", RUN + "hand-off/$", callers(403, 409), None, {**HELD, "to": "other", "contract": "review"},
        path="runs/{run}/hand-off/"),
    api("POST", RUN + "pause/$", callers(404, 403, owner=200, administrator=200, auditor=403), None,
        {"reason": "Wait."}, path="runs/{run}/pause/"),
    api("POST", RUN + "resume/$", callers(404, 403, owner=409, administrator=409, auditor=403), None,
        {}, path="runs/{run}/resume/"),
    api("POST", "^runs/$", callers(201, 201, outsider=404), None, {"task_type": "review", "task": {}}, path="runs/"),
    api("POST", RUN + "review/$", callers(404, 403, owner=409, administrator=409, auditor=403), None,
        {"decision": "approve"}, path="runs/{run}/review/"),
    api("POST", RUN + "bundle/$", callers(403, 409), None, HELD, path="runs/{run}/bundle/"),
    api("GET", MEMORY + "$", callers(403, 200), path="memory/agent:{agent}/"),
    api("GET", MEMORY + ENTRY, callers(403, 404), path="memory/agent:{agent}/a/"),
    api("PUT", MEMORY + ENTRY, callers(403, 200), None, {"value": 1}, path="memory/agent:{agent}/a/"),
    api("DELETE", MEMORY + ENTRY, callers(403, 404), path="memory/agent:{agent}/a/"),
    api("POST", "^feedback/$", callers(201, 201), None, {"kind": "gap", "text": "Where is the price list?"},
        path="feedback/"),
    api("POST", RUN + "cancel/$", callers(404, 403, owner=200, administrator=200, auditor=403), None,
        {"reason": "No."}, path="runs/{run}/cancel/"),
    api("GET", "^flows/$", callers(200, 200), path="flows/"),
    api("POST", "^flows/check/$", callers(403, owner=200, administrator=200), None,
        {"payload": {"name": "A", "owner": "owner"}}, path="flows/check/"),
    api("GET", FLOW + "$", callers(200, 200, outsider=404), path="flows/flow/"),
    api("GET", FLOW + "versions/$", callers(200, 200, outsider=404), path="flows/flow/versions/"),
    api("GET", FLOW + "versions/(?P<number>[0-9]{1,9})/$", callers(200, 200, outsider=404),
        path="flows/flow/versions/1/"),
    api("GET", FLOW + "map/$", callers(200, 200, outsider=404), path="flows/flow/map/"),
    api("POST", FLOW + "runs/$", callers(201, 201, outsider=404), None, {}, path="flows/flow/runs/"),
    api("POST", FLOW + "triggers/(?P<trigger>[a-z0-9-]{1,60})/secret/$",
        callers(403, outsider=404, owner=201, administrator=201), None, {}, path="flows/flow/triggers/mail/secret/"),
    api("DELETE", FLOW + "triggers/(?P<trigger>[a-z0-9-]{1,60})/secret/$",
        callers(403, outsider=404, owner=204, administrator=204), path="flows/flow/triggers/mail/secret/"),
    # No key counts here, only a signature by the trigger's secret.
    api("POST", FLOW + "events/(?P<trigger>[a-z0-9-]{1,60})/$", (401,) * 9, None, {"id": "1"},
        path="flows/flow/events/mail/"),
    api("GET", "^flow-runs/$", callers(200, 200), path="flow-runs/"),
    api("GET", FLOW_RUN + "$", callers(404, 404, owner=200, **AUDITORS), path="flow-runs/{flow_run}/"),
    api("POST", FLOW_RUN + "cancel/$", callers(404, 404, owner=200, administrator=200, auditor=403), None,
        {"reason": "No."}, path="flow-runs/{flow_run}/cancel/"),
    api("POST", "^routing/decide/$", callers(200, 200, outsider=404), None,
        {"rule_set": "routes", "task_type": "review"}, path="routing/decide/"),
    api("GET", "^routing/decisions/$", callers(200, 200), path="routing/decisions/"),
    api("POST", "^routing/decisions/$", callers(201, 201, outsider=404), None,
        {"rule_set": "routes", "task_type": "review"}, path="routing/decisions/"),
    api("GET", "^routing/decisions/(?P<decision_id>[0-9]{1,19})/$", callers(200, 404, outsider=404),
        path="routing/decisions/{decision}/"),
    api("POST", "^routing/decisions/(?P<decision_id>[0-9]{1,19})/replay/$", callers(200, 404, outsider=404), None, {},
        path="routing/decisions/{decision}/replay/"),
    api("GET", "^routing/rule-sets/$", callers(200, 200), path="routing/rule-sets/"),
    api("GET", "^routing/rule-sets/(?P<slug>[a-z0-9-]{1,60})/$", callers(200, 200, outsider=404),
        path="routing/rule-sets/routes/"),
    api("GET", PUSH + "$", callers(404), path="agents/{agent}/push-target/"),
    api("PUT", PUSH + "$", callers(404, auditor=403, owner=422, administrator=422), None,
        {"kind": "webhook", "url": "https://agents.example.org/run"}, path="agents/{agent}/push-target/"),
    api("DELETE", PUSH + "$", callers(404, auditor=403), path="agents/{agent}/push-target/"),
    api("POST", PUSH + "secret/$", callers(404, auditor=403), None, {}, path="agents/{agent}/push-target/secret/"),
    api("GET", "^budgets/$", callers(200), path="budgets/"),
    api("GET", BUDGET, callers(404), path="budgets/agents/{agent}/month/"),
    api("PUT", BUDGET, callers(404, auditor=403, owner=200, administrator=200), None, {"tokens": 5},
        path="budgets/agents/{agent}/month/"),
    api("DELETE", BUDGET, callers(404, auditor=403), path="budgets/agents/{agent}/month/"),
    # Lists of nothing for who does not look after the registry.
    api("GET", "^agents/endpoints/$", callers(200), path="agents/endpoints/"),
    api("GET", "^agents/unsanctioned/$", callers(200), path="agents/unsanctioned/"),
    api("POST", "^agents/unsanctioned/(?P<use_id>[0-9]{1,19})/$",
        callers(404, 403, auditor=403, administrator=200), None, {"state": "blocked"},
        path="agents/unsanctioned/{use}/"),
]  # fmt: skip

# The configuration: for staff alone. What the administrator gets by the last word of the view's name; governed
# records are read-only, and rows that others lean on are not deleted.
READ_ONLY = {
    "context_contextitem", "context_contextversion", "governance_change", "governance_review",
    "governance_auditevent", "agents_contextcontract", "agents_contractversion", "agents_receipt", "agents_refusal",
    "agents_pushtarget", "agents_budget", "agents_traceexport",
}  # fmt: skip
DELETABLE = {"governance_reviewinterval", "governance_approvalpolicy"}
ADMIN_PAGES: dict[str, Outcome] = {
    "index": 200, "login": MOVED, "password_change": 200, "password_change_done": 200, "jsi18n": 200,
    "autocomplete": 403, "app_list": 200, "logout": 405, "view_on_site": 404, "": 404,
}  # fmt: skip
OPEN_ADMIN = {"login": 200, "logout": MOVED}  # signing out what is not signed in leads back


def admin_outcome(name: str) -> Outcome | None:
    """What the administrator gets at that page of the configuration; None where nothing is declared."""
    if name in ADMIN_PAGES:
        return ADMIN_PAGES[name]
    if name == "auth_user_password_change":
        return 200
    model, _, verb = (
        name.removesuffix("_simple_history").rpartition("_")
        if "_simple_" not in name
        else (name.removesuffix("_simple_history"), "", "simple_history")
    )
    read_only = model in READ_ONLY
    return {
        "changelist": 200,
        "change": 200,
        "history": 200,
        "simple_history": 404,
        "add": 403 if read_only else 200,
        "delete": 200 if model in DELETABLE else 403,
    }.get(verb)

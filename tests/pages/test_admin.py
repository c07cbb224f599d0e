"""The stock admin: configuration is written with one audit event, governed records are read-only, always."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.urls import reverse

from agents.models import Agent, TraceExport
from context.access import SYSTEM
from context.models import Domain, RoleGrant, User
from context.row_security import reading_as
from governance.models import ApprovalPolicy, AuditEvent, Finding
from tests.agents.conftest import contract, give
from tests.cast import Cast, creation, publish

GOVERNED = (
    "context.ContextItem",
    "context.ContextVersion",
    "governance.Change",
    "governance.Review",
    "governance.AuditEvent",
    "agents.Receipt",
    "agents.Refusal",
    "agents.ContractVersion",
)


@pytest.fixture
def client(cast: Cast) -> Client:
    signed_in = Client()
    signed_in.force_login(cast.admin)
    return signed_in


def events() -> list[str]:
    return list(AuditEvent.objects.order_by("sequence").values_list("action", flat=True))


def test_admin__every_page_of_it__answers(client: Client, cast: Cast) -> None:
    publish(cast, creation("legal/liability", body="Capped."))
    give(cast, contract(cast, [{"key": "legal/liability"}])).bundle()
    for model, configured in admin.site._registry.items():
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        assert client.get(reverse(f"admin:{name}_changelist")).status_code == 200, name
        row = configured.model._default_manager.first()
        if row is not None:
            address = reverse(f"admin:{name}_change", args=[row.pk])
            assert client.get(address).status_code == 200, address
    answer = client.get(reverse("admin:index"))
    assert "unsafe" not in answer["Content-Security-Policy"]


@pytest.mark.parametrize("label", GOVERNED)
def test_admin__governed_record__cannot_be_added_changed_or_deleted(client: Client, cast: Cast, label: str) -> None:
    publish(cast, creation("legal/liability", body="Capped."))
    given = give(cast, contract(cast, [{"key": "legal/liability"}]))
    given.bundle()
    given.post({"contract": "review", "token_budget": 1})
    model = apps.get_model(label)
    name = f"{model._meta.app_label}_{model._meta.model_name}"
    row = model._default_manager.first()
    assert row is not None
    before = events()
    assert client.get(reverse(f"admin:{name}_add")).status_code == 403
    for page in ("change", "delete"):
        assert client.post(reverse(f"admin:{name}_{page}", args=[row.pk]), {"title": "Mine now"}).status_code == 403
    assert events() == before


def test_admin__superuser_without_clearance__sees_no_more_than_their_clearance(client: Client, cast: Cast) -> None:
    publish(cast, creation("legal/board", title="Minutes of the board", sensitivity="confidential"))
    User.objects.filter(pk=cast.admin.pk).update(clearance=0)
    for name in ("context_contextitem", "context_contextversion", "governance_change"):
        assert "Minutes of the board" not in client.get(reverse(f"admin:{name}_changelist")).content.decode()
    assert (
        "Minutes of the board"
        not in client.get(reverse("admin:context_domain_change", args=[cast.legal.pk])).content.decode()
    )


def test_admin__domain_saved__is_one_event_and_none_where_nothing_differs(client: Client, cast: Cast) -> None:
    address = reverse("admin:context_domain_change", args=[cast.sales.pk])
    form = {"name": "Sales and service", "description": "", "parent": "", "owner": cast.owner.pk}
    client.post(address, form)
    assert Domain.objects.get(slug="sales").name == "Sales and service"
    assert events() == ["context.domain.changed"]
    event = AuditEvent.objects.get()
    assert event.data["changed"] == ["name", "owner_id"]
    assert event.actor_label == "Anna Admin"
    client.post(address, form)
    assert events() == ["context.domain.changed"]


def test_admin__role_granted__is_one_event_that_names_it(client: Client, cast: Cast) -> None:
    person = cast.outsider
    form = {
        "username": person.username,
        "first_name": "Otto",
        "last_name": "Outsider",
        "email": person.email,
        "clearance": person.clearance,
        "is_active": "on",
        "role_grants-TOTAL_FORMS": "1",
        "role_grants-INITIAL_FORMS": "0",
        "role_grants-0-user": person.pk,
        "role_grants-0-role": "approver",
        "role_grants-0-domain": cast.legal.pk,
    }
    answer = client.post(reverse("admin:context_user_change", args=[person.pk]), form)
    assert answer.status_code == 302, answer.content.decode()[:2000]
    assert RoleGrant.objects.filter(user=person, role="approver", domain=cast.legal).exists()
    assert events() == ["context.user.linked"]
    assert "approver" in str(AuditEvent.objects.get().data["links"])


def test_admin__policy_with_its_stages__is_written_and_audited(client: Client, cast: Cast) -> None:
    form = {
        "name": "Two for Legal",
        "kind": "",
        "domain": cast.legal.pk,
        "sensitivity": "",
        "stages-TOTAL_FORMS": "1",
        "stages-INITIAL_FORMS": "0",
        "stages-MIN_NUM_FORMS": "1",
        "stages-0-order": "1",
        "stages-0-name": "Counsel",
        "stages-0-approvers": "role",
        "stages-0-role": "approver",
        "stages-0-people_required": "2",
        "stages-0-due_in_days": "5",
    }
    answer = client.post(reverse("admin:governance_approvalpolicy_add"), form)
    assert answer.status_code == 302, answer.content.decode()[:3000]
    assert ApprovalPolicy.objects.get(name="Two for Legal").stages.get().people_required == 2
    assert events() == ["governance.approvalpolicy.created", "governance.approvalpolicy.linked"]


def test_admin__kind_with_a_schema_that_fetches__is_refused_beside_the_field(client: Client, cast: Cast) -> None:
    form = {
        "slug": "recipe",
        "name": "Recipe",
        "plural": "Recipes",
        "description": "",
        "default_review_interval_days": "90",
        "schema": '{"$ref": "http://elsewhere.example/schema.json"}',
    }
    answer = client.post(reverse("admin:context_kind_add"), form)
    assert answer.status_code == 200
    assert "The schema cannot be used" in answer.content.decode()
    assert events() == []


def test_admin__agent_saved__goes_through_its_own_function(client: Client, cast: Cast) -> None:
    given = contract(cast, [{"kind": "policy", "required": False}])
    before = events()
    form: dict[str, Any] = {
        "slug": "reader",
        "name": "Reader",
        "purpose": "Reads",
        "owner": cast.owner.pk,
        "state": "sanctioned",
        "clearance": "1",
        "domains": [cast.legal.pk],
        "audiences": [],
        "contracts": [given.pk],
    }
    assert client.post(reverse("admin:agents_agent_add"), form).status_code == 302
    assert list(Agent.objects.get(slug="reader").contracts.all()) == [given]
    assert events() == [*before, "agents.agent.registered"]
    agent = Agent.objects.get(slug="reader")
    answer = client.post(reverse("admin:agents_agent_change", args=[agent.pk]), {**form, "clearance": "3"}, follow=True)
    assert "clearance above your own" in answer.content.decode()
    assert events() == [*before, "agents.agent.registered", "agents.agent.save.denied"]


def person_form(person: User, **more: Any) -> dict[str, Any]:
    return {
        "username": person.username,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "email": person.email,
        "clearance": person.clearance,
        "is_active": "on",
        "role_grants-TOTAL_FORMS": "0",
        "role_grants-INITIAL_FORMS": "0",
        **more,
    }


def test_admin__person_unticked__leaves_as_people_leave(client: Client, cast: Cast) -> None:
    publish(cast, creation("legal/liability", body="Capped.", owner="author"))
    before = events()
    form = person_form(cast.author, is_active="", why_they_leave="Moved on", **held(cast.author))
    assert client.post(reverse("admin:context_user_change", args=[cast.author.pk]), form).status_code == 302
    cast.author.refresh_from_db()
    assert not cast.author.is_active
    assert events()[len(before) :] == ["context.person.deactivated", "governance.finding.opened"]
    event = AuditEvent.objects.get(action="context.person.deactivated")
    assert (event.data["reason"], event.actor_id) == ("Moved on", cast.admin.pk)
    assert event.data["client"] == "127.0.0.1"


def held(person: User) -> dict[str, Any]:
    """The roles that a person has, as the form sends them back."""
    grants = list(RoleGrant.objects.filter(user=person).order_by("pk"))
    sent: dict[str, Any] = {"role_grants-TOTAL_FORMS": len(grants), "role_grants-INITIAL_FORMS": len(grants)}
    for number, grant in enumerate(grants):
        sent[f"role_grants-{number}-id"] = grant.pk
        sent[f"role_grants-{number}-user"] = person.pk
        sent[f"role_grants-{number}-role"] = grant.role
        sent[f"role_grants-{number}-domain"] = grant.domain_id or ""
    return sent


def test_admin__somebody_unticks_themselves__is_refused_in_words(client: Client, cast: Cast) -> None:
    form = person_form(cast.admin, is_active="", is_staff="on", is_superuser="on", **held(cast.admin))
    answer = client.post(reverse("admin:context_user_change", args=[cast.admin.pk]), form, follow=True)
    assert "You cannot deactivate yourself" in answer.content.decode()
    cast.admin.refresh_from_db()
    assert cast.admin.is_active
    assert events() == []


def test_admin__superuser_without_the_role_unticks_somebody__refused_and_recorded(client: Client, cast: Cast) -> None:
    RoleGrant.objects.filter(user=cast.admin).delete()
    form = person_form(cast.author, is_active="", **held(cast.author))
    answer = client.post(reverse("admin:context_user_change", args=[cast.author.pk]), form, follow=True)
    assert "People are deactivated by administrators" in answer.content.decode()
    cast.author.refresh_from_db()
    assert cast.author.is_active
    assert events() == ["context.user.save.denied"]


def test_admin__group_membership__is_one_event_that_names_it(client: Client, cast: Cast) -> None:
    form = person_form(cast.outsider, groups=[cast.counsel.pk])
    address = reverse("admin:context_user_change", args=[cast.outsider.pk])
    assert client.post(address, form).status_code == 302
    assert list(cast.outsider.groups.all()) == [cast.counsel]
    assert events() == ["context.user.linked"]
    assert AuditEvent.objects.get().data["links"] == {"groups": ["counsel"]}
    client.post(address, form)
    assert events() == ["context.user.linked"]
    client.post(address, person_form(cast.outsider))
    assert events() == ["context.user.linked"] * 2


def test_admin__ledger__shows_and_finds_nothing_above_the_clearance(client: Client, cast: Cast) -> None:
    User.objects.filter(pk__in=[cast.author.pk, cast.reviewer.pk]).update(clearance=3)
    cast.author.refresh_from_db()
    cast.reviewer.refresh_from_db()
    publish(cast, creation("legal/merger", title="Merger with Umbrella", sensitivity="restricted"))
    ledger = reverse("admin:governance_auditevent_changelist")
    listed = client.get(ledger).content.decode()
    assert "Umbrella" not in listed
    assert "above your clearance" in listed
    assert "above your clearance" not in client.get(ledger + "?q=umbrella").content.decode()
    for event in AuditEvent.objects.filter(sensitivity=3):
        page = client.get(reverse("admin:governance_auditevent_change", args=[event.pk])).content.decode()
        assert "Umbrella" not in page
    User.objects.filter(pk=cast.admin.pk).update(clearance=3)
    assert "Umbrella" in client.get(ledger + "?q=umbrella").content.decode()


def test_admin__connection_of_nobody__shows_what_the_person_may_read(client: Client, cast: Cast, settings: Any) -> None:
    publish(cast, creation("legal/liability", title="Liability", owner="author"), creation("sales/offers"))
    publish(cast, creation("legal/board", title="Minutes of the board", sensitivity="confidential", owner="author"))
    User.objects.filter(pk=cast.admin.pk).update(clearance=1)
    settings.DATABASE_READER = "nobody"
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('plumbline.reader', 'nobody', true)")
    listed = client.get(reverse("admin:context_contextitem_changelist")).content.decode()
    assert "Liability" in listed
    assert "Minutes of the board" not in listed
    form = person_form(cast.author, is_active="", **held(cast.author))
    assert client.post(reverse("admin:context_user_change", args=[cast.author.pk]), form).status_code == 302
    # Also what the administrator may not read has to find somebody who answers for it.
    with reading_as(SYSTEM):
        assert Finding.objects.get().evidence["texts"] == 2


def test_trace_export__is_read_only_and_for_who_looks_after_the_installation(cast: Cast, client: Client) -> None:
    TraceExport.objects.create(pk=1, cursor=7, last_error="The collector answered 503.")
    change = reverse("admin:agents_traceexport_change", args=[1])
    assert "The collector answered 503." in client.get(change).content.decode()
    assert client.post(change, {"cursor": 9}).status_code == 403
    assert client.get(reverse("admin:agents_traceexport_add")).status_code == 403
    RoleGrant.objects.filter(user=cast.admin).delete()
    listed = client.get(reverse("admin:agents_traceexport_changelist"))
    assert (listed.status_code, b"spans up to event" in listed.content) == (200, False)

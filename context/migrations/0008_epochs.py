"""What changes leaves a mark, and a commit turns its marks into epochs: whatever path the change took, plain SQL too."""

from __future__ import annotations

import django.contrib.postgres.fields
from django.db import migrations, models

# A transaction marks each subject once, without waiting for anybody: marks carry its number. At its commit (the
# trigger on marks is deferred) each mark becomes an epoch, under a lock that is held until the commit is done. So
# numbers are drawn in the order of commits, and writers wait for each other no longer than for the ledger, whose lock
# they hold by then.
FUNCTIONS = """
CREATE SEQUENCE context_epoch_clock;

CREATE FUNCTION plumbline_mark(named text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO context_epochmark (transaction, subject) VALUES (txid_current(), named) ON CONFLICT DO NOTHING
$$;

CREATE FUNCTION plumbline_mark_class(domain bigint, level integer, audiences integer[]) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO context_epochmark (transaction, subject, domain_id, sensitivity, audience_ids)
    VALUES (txid_current(), concat_ws(':', 'class', domain, level, array_to_string(audiences, ',')),
            domain, level, audiences)
    ON CONFLICT DO NOTHING
$$;

-- The classes of these items as they stand. Items are under row-level security, and a mark must not depend on who
-- writes: the function reads as the system and shows nothing.
CREATE FUNCTION plumbline_mark_items(items bigint[]) RETURNS void LANGUAGE plpgsql SET plumbline.reader TO 'system' AS $$
BEGIN
    PERFORM plumbline_mark_class(place.domain_id, place.sensitivity, place.audiences) FROM (
        SELECT DISTINCT item.domain_id, item.sensitivity, ARRAY(
            SELECT named.group_id FROM context_contextitem_audiences named
            WHERE named.contextitem_id = item.id ORDER BY named.group_id
        ) AS audiences
        FROM context_contextitem item WHERE item.id = ANY (items)
    ) place;
END $$;

CREATE FUNCTION plumbline_epoch_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7246513);
    INSERT INTO context_epoch (subject, value, domain_id, sensitivity, audience_ids)
    VALUES (NEW.subject, nextval('context_epoch_clock'), NEW.domain_id, NEW.sensitivity, NEW.audience_ids)
    ON CONFLICT (subject) DO UPDATE SET value = EXCLUDED.value;
    DELETE FROM context_epochmark WHERE id = NEW.id;
    RETURN NULL;
END $$;

CREATE FUNCTION plumbline_epoch_only_rises() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.value <= OLD.value OR NEW.subject <> OLD.subject THEN
        RAISE EXCEPTION 'the epoch of % only rises', OLD.subject USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

-- Items: the class they leave and the class they enter.
CREATE FUNCTION plumbline_items_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM plumbline_mark_class(place.domain_id, place.sensitivity, place.audiences) FROM (
            SELECT DISTINCT item.domain_id, item.sensitivity, ARRAY(
                SELECT named.group_id FROM context_contextitem_audiences named
                WHERE named.contextitem_id = item.id ORDER BY named.group_id
            ) AS audiences
            FROM before_rows item
        ) place;
    END IF;
    PERFORM plumbline_mark_class(place.domain_id, place.sensitivity, place.audiences) FROM (
        SELECT DISTINCT item.domain_id, item.sensitivity, ARRAY(
            SELECT named.group_id FROM context_contextitem_audiences named
            WHERE named.contextitem_id = item.id ORDER BY named.group_id
        ) AS audiences
        FROM after_rows item
    ) place;
    RETURN NULL;
END $$;

-- Audiences: what they were before the statement, and what they are.
CREATE FUNCTION plumbline_audiences_moved() RETURNS trigger LANGUAGE plpgsql SET plumbline.reader TO 'system' AS $$
BEGIN
    PERFORM plumbline_mark_items(ARRAY(SELECT contextitem_id FROM moved_rows));
    PERFORM plumbline_mark_class(item.domain_id, item.sensitivity, ARRAY(
        SELECT present.group_id FROM context_contextitem_audiences present
        WHERE TG_OP = 'INSERT' AND present.contextitem_id = item.id AND NOT EXISTS (
            SELECT FROM moved_rows moved
            WHERE moved.contextitem_id = item.id AND moved.group_id = present.group_id
        )
        UNION
        SELECT either.group_id FROM (
            SELECT contextitem_id, group_id FROM context_contextitem_audiences
            UNION ALL SELECT contextitem_id, group_id FROM moved_rows
        ) either WHERE TG_OP = 'DELETE' AND either.contextitem_id = item.id
        ORDER BY 1
    ))
    FROM context_contextitem item WHERE item.id IN (SELECT contextitem_id FROM moved_rows);
    RETURN NULL;
END $$;

CREATE FUNCTION plumbline_parts_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM plumbline_mark_items(ARRAY(SELECT DISTINCT item_id FROM moved_rows));
    RETURN NULL;
END $$;

-- A relation concerns both its ends.
CREATE FUNCTION plumbline_relations_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM plumbline_mark_items(ARRAY(SELECT source_id FROM moved_rows UNION SELECT target_id FROM moved_rows));
    RETURN NULL;
END $$;

CREATE FUNCTION plumbline_all_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM plumbline_mark('all');
    RETURN NULL;
END $$;

-- The next moment after this one at which a text begins or ends to be in force, whoever may read it.
CREATE FUNCTION plumbline_next_boundary(after timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET plumbline.reader TO 'system' AS $$
BEGIN
    RETURN least(
        (SELECT min(valid_from) FROM context_contextversion WHERE valid_from > after),
        (SELECT min(valid_to) FROM context_contextversion WHERE valid_to > after),
        (SELECT min(superseded_at) FROM context_contextversion WHERE superseded_at > after)
    );
END $$;

CREATE INDEX version_begins ON context_contextversion (valid_from);
CREATE INDEX version_ends ON context_contextversion (valid_to) WHERE valid_to IS NOT NULL;
CREATE INDEX version_is_superseded ON context_contextversion (superseded_at) WHERE superseded_at IS NOT NULL;
"""

# Tables whose rows have an item; a table of a later migration calls `watch_parts` itself.
PARTS = ("context_contextversion", "context_passage", "context_hold")
EVERYTHING = ("context_domain", "context_kind", "auth_group", "context_lexemecount")
_EACH = {"INSERT": "NEW", "UPDATE": "NEW", "DELETE": "OLD"}


def triggers() -> list[tuple[str, str, str]]:
    """Table, name and definition of each; all ENABLE ALWAYS, so that no session setting skips them."""
    item, audiences = "context_contextitem", "context_contextitem_audiences"
    statement = "FOR EACH STATEMENT EXECUTE FUNCTION"
    made = [
        (
            item,
            "epoch_of_new",
            f"AFTER INSERT ON {item} REFERENCING NEW TABLE AS after_rows {statement} plumbline_items_moved()",
        ),
        (
            item,
            "epoch_of_changed",
            f"AFTER UPDATE ON {item} REFERENCING OLD TABLE AS before_rows NEW TABLE AS after_rows "
            f"{statement} plumbline_items_moved()",
        ),
        *_moving(audiences, "plumbline_audiences_moved", ("INSERT", "DELETE")),
        *_moving("context_relation", "plumbline_relations_moved"),
    ]
    for table in PARTS:
        made += _moving(table, "plumbline_parts_moved")
    for table in EVERYTHING:
        made.append(
            (table, "epoch_of_all", f"AFTER INSERT OR UPDATE OR DELETE ON {table} {statement} plumbline_all_moved()")
        )
    made += [
        # Gaps name the people who can mend them. A sign-in changes the row, too, and none of this.
        (
            "context_user",
            "epoch_of_all",
            "AFTER UPDATE ON context_user FOR EACH ROW "
            "WHEN ((OLD.username, OLD.first_name, OLD.last_name, OLD.is_active) IS DISTINCT FROM "
            "(NEW.username, NEW.first_name, NEW.last_name, NEW.is_active)) "
            "EXECUTE FUNCTION plumbline_all_moved()",
        ),
        (
            "context_epoch",
            "only_rises",
            "BEFORE UPDATE ON context_epoch FOR EACH ROW EXECUTE FUNCTION plumbline_epoch_only_rises()",
        ),
        (
            "context_epoch",
            "never_deleted",
            "BEFORE DELETE OR TRUNCATE ON context_epoch FOR EACH STATEMENT EXECUTE FUNCTION plumbline_refuse()",
        ),
    ]
    return made


def _moving(table: str, function: str, events: tuple[str, ...] = tuple(_EACH)) -> list[tuple[str, str, str]]:
    return [
        (
            table,
            f"epoch_on_{event.lower()}",
            f"AFTER {event} ON {table} REFERENCING {_EACH[event]} TABLE AS moved_rows "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {function}()",
        )
        for event in events
    ]


def _forward() -> str:
    made = [FUNCTIONS]
    for table, name, definition in triggers():
        made += [f"CREATE TRIGGER {name} {definition};", f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name};"]
    made += [
        "CREATE CONSTRAINT TRIGGER becomes_an_epoch AFTER INSERT ON context_epochmark DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION plumbline_epoch_moves();",
        "ALTER TABLE context_epochmark ENABLE ALWAYS TRIGGER becomes_an_epoch;",
    ]
    return "\n".join(made)


def _backward() -> str:
    dropped = [f"DROP TRIGGER {name} ON {table};" for table, name, _ in triggers()]
    dropped.append("DROP TRIGGER becomes_an_epoch ON context_epochmark;")
    dropped += [
        f"DROP FUNCTION {name};"
        for name in (
            "plumbline_next_boundary(timestamptz)",
            "plumbline_all_moved()",
            "plumbline_relations_moved()",
            "plumbline_parts_moved()",
            "plumbline_audiences_moved()",
            "plumbline_items_moved()",
            "plumbline_epoch_only_rises()",
            "plumbline_epoch_moves()",
            "plumbline_mark_items(bigint[])",
            "plumbline_mark_class(bigint, integer, integer[])",
            "plumbline_mark(text)",
        )
    ]
    dropped.append("DROP SEQUENCE context_epoch_clock;")
    dropped += [f"DROP INDEX {name};" for name in ("version_begins", "version_ends", "version_is_superseded")]
    return "\n".join(dropped)


class Migration(migrations.Migration):
    dependencies = [("context", "0007_hold"), ("auth", "0012_alter_user_first_name_max_length")]
    operations = [
        migrations.CreateModel(
            name="Epoch",
            fields=[
                ("subject", models.TextField(primary_key=True, serialize=False)),
                ("value", models.BigIntegerField(db_index=True)),
                ("domain_id", models.BigIntegerField(null=True)),
                ("sensitivity", models.PositiveSmallIntegerField(null=True)),
                (
                    "audience_ids",
                    django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), null=True, size=None),
                ),
            ],
        ),
        migrations.CreateModel(
            name="EpochMark",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("transaction", models.BigIntegerField()),
                ("subject", models.TextField()),
                ("domain_id", models.BigIntegerField(null=True)),
                ("sensitivity", models.PositiveSmallIntegerField(null=True)),
                (
                    "audience_ids",
                    django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), null=True, size=None),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("transaction", "subject"), name="marked_once_a_transaction")
                ],
            },
        ),
        migrations.RunSQL(_forward(), _backward()),
    ]

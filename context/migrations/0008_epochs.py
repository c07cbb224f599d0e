"""What changes leaves a mark, and a commit turns its marks into epochs, whatever path the change took."""

from __future__ import annotations

import django.contrib.postgres.fields
from django.db import migrations, models

# A transaction marks what it touches once, without waiting for anybody: marks carry its number, and an item's mark the
# class that the item had before. At the commit (the trigger on marks is deferred) the marks become epochs, those of an
# item for the class it had and the class it has then; what it passed through in between nobody saw. It happens under a
# lock that is held until the commit is done: numbers are drawn in the order of commits, and writers wait for each other
# no longer than for the ledger, whose lock they hold by then.
FUNCTIONS = """
CREATE SEQUENCE context_epoch_clock;

CREATE FUNCTION plumbline_mark(named text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO context_epochmark (transaction, subject) VALUES (txid_current(), named) ON CONFLICT DO NOTHING
$$;

CREATE FUNCTION plumbline_class(domain bigint, level integer, audiences integer[]) RETURNS text
LANGUAGE sql IMMUTABLE AS $$ SELECT concat_ws(':', 'class', domain, level, array_to_string(audiences, ',')) $$;

CREATE FUNCTION plumbline_audiences(item bigint) RETURNS integer[] LANGUAGE sql STABLE AS $$
    SELECT ARRAY(SELECT group_id FROM context_contextitem_audiences WHERE contextitem_id = item ORDER BY group_id)
$$;

-- Items are under row-level security, and a mark must not depend on who writes: read as the system, and show nothing.
CREATE FUNCTION plumbline_mark_items(items bigint[]) RETURNS void
LANGUAGE plpgsql SET plumbline.reader TO 'system' AS $$
BEGIN
    INSERT INTO context_epochmark (transaction, subject, item_id, domain_id, sensitivity, audience_ids)
    SELECT txid_current(), 'item:' || item.id, item.id, item.domain_id, item.sensitivity, plumbline_audiences(item.id)
    FROM context_contextitem item WHERE item.id = ANY (items)
    ON CONFLICT DO NOTHING;
END $$;

CREATE FUNCTION plumbline_epoch_moves() RETURNS trigger LANGUAGE plpgsql SET plumbline.reader TO 'system' AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM context_epochmark WHERE id = NEW.id) THEN
        RETURN NULL;  -- the first mark of the transaction took care of all
    END IF;
    PERFORM pg_advisory_xact_lock(7246513);
    INSERT INTO context_epoch (subject, value, domain_id, sensitivity, audience_ids)
    SELECT touched.subject, nextval('context_epoch_clock'), touched.domain_id, touched.sensitivity,
           touched.audience_ids
    FROM (
        SELECT mark.subject, NULL::bigint AS domain_id, NULL::smallint AS sensitivity, NULL::integer[] AS audience_ids
        FROM context_epochmark mark WHERE mark.transaction = txid_current() AND mark.item_id IS NULL
        UNION
        SELECT plumbline_class(mark.domain_id, mark.sensitivity, mark.audience_ids), mark.domain_id,
               mark.sensitivity, mark.audience_ids
        FROM context_epochmark mark WHERE mark.transaction = txid_current() AND mark.domain_id IS NOT NULL
        UNION
        SELECT plumbline_class(item.domain_id, item.sensitivity, plumbline_audiences(item.id)), item.domain_id,
               item.sensitivity, plumbline_audiences(item.id)
        FROM context_epochmark mark JOIN context_contextitem item ON item.id = mark.item_id
        WHERE mark.transaction = txid_current()
    ) touched
    ON CONFLICT (subject) DO UPDATE SET value = EXCLUDED.value;
    DELETE FROM context_epochmark WHERE transaction = txid_current();
    RETURN NULL;
END $$;

CREATE FUNCTION plumbline_epoch_only_rises() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.value <= OLD.value OR NEW.subject <> OLD.subject THEN
        RAISE EXCEPTION 'the epoch of % only rises', OLD.subject USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

-- A new item had no class before.
CREATE FUNCTION plumbline_items_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO context_epochmark (transaction, subject, item_id)
        SELECT txid_current(), 'item:' || id, id FROM moved_rows ON CONFLICT DO NOTHING;
    ELSE
        INSERT INTO context_epochmark (transaction, subject, item_id, domain_id, sensitivity, audience_ids)
        SELECT txid_current(), 'item:' || id, id, domain_id, sensitivity, plumbline_audiences(id)
        FROM moved_rows ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END $$;

-- What the audiences were before the statement.
CREATE FUNCTION plumbline_audiences_moved() RETURNS trigger LANGUAGE plpgsql SET plumbline.reader TO 'system' AS $$
BEGIN
    INSERT INTO context_epochmark (transaction, subject, item_id, domain_id, sensitivity, audience_ids)
    SELECT txid_current(), 'item:' || item.id, item.id, item.domain_id, item.sensitivity,
        CASE TG_OP WHEN 'INSERT' THEN ARRAY(
            SELECT unnest(plumbline_audiences(item.id))
            EXCEPT SELECT group_id FROM moved_rows WHERE contextitem_id = item.id ORDER BY 1
        ) ELSE ARRAY(
            SELECT unnest(plumbline_audiences(item.id))
            UNION SELECT group_id FROM moved_rows WHERE contextitem_id = item.id ORDER BY 1
        ) END
    FROM context_contextitem item WHERE item.id IN (SELECT contextitem_id FROM moved_rows)
    ON CONFLICT DO NOTHING;
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
EVERYTHING = ("context_domain", "context_kind", "auth_group")
_EACH = {"INSERT": "NEW", "UPDATE": "NEW", "DELETE": "OLD"}


def triggers() -> list[tuple[str, str, str]]:
    """Table, name and definition of each; all ENABLE ALWAYS, so that no session setting skips them."""
    item, audiences = "context_contextitem", "context_contextitem_audiences"
    statement = "FOR EACH STATEMENT EXECUTE FUNCTION"
    made = [
        (
            item,
            "epoch_on_insert",
            f"AFTER INSERT ON {item} REFERENCING NEW TABLE AS moved_rows {statement} plumbline_items_moved()",
        ),
        (
            item,
            "epoch_on_update",
            f"AFTER UPDATE ON {item} REFERENCING OLD TABLE AS moved_rows {statement} plumbline_items_moved()",
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
            "plumbline_audiences(bigint)",
            "plumbline_class(bigint, integer, integer[])",
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
                ("item_id", models.BigIntegerField(null=True)),
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

"""Passages stand in compartments that one reader sees whole or not at all, and their words are weighed once."""

from __future__ import annotations

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
import pgvector.django
from django.db import migrations, models

# Words as search counts them. Their numbers are 28 bits of a hash that does not change with the server's version.
# A word's weight in a passage is BM25's saturated frequency, t / (t + 1.2), with t falling with the length of the
# text; the usual length is a constant (60 words), so that a weight says nothing about other texts.
WORDS = """
CREATE FUNCTION plumbline_lexemes(said text) RETURNS TABLE (lexeme text, times integer)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT lexeme, cardinality(positions) FROM unnest(to_tsvector('english'::regconfig, said))
    WHERE octet_length(lexeme) <= 200
$$;

CREATE FUNCTION plumbline_number(lexeme text) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 1 + ('x' || left(md5(lexeme), 7))::bit(28)::integer;

CREATE FUNCTION plumbline_words(heading text, body text) RETURNS sparsevec LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    WITH said AS (
        SELECT lexeme, times, sum(times) OVER () AS length FROM plumbline_lexemes(body)
    ), counted AS (
        SELECT lexeme, sum(times) AS times FROM (
            SELECT lexeme, times / (0.5 + length / 120.0) AS times FROM said
            UNION ALL SELECT lexeme, times FROM plumbline_lexemes(heading)
        ) AS both_parts GROUP BY lexeme
    ), numbered AS (
        SELECT plumbline_number(lexeme) AS number, max(times / (times + 1.2))::real AS weight FROM counted GROUP BY 1
    )
    SELECT ('{' || coalesce(string_agg(number || ':' || weight, ',' ORDER BY number), '') || '}/268435456')::sparsevec
    FROM numbered
$$;

-- Lexemes are in small letters, so that none begins like a word with its compartment.
CREATE FUNCTION plumbline_filed(compartment bigint, heading text, body text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN compartment IS NOT NULL THEN array_to_tsvector(coalesce(
        array_agg(lexeme) || array_agg('C' || compartment || ':' || lexeme), '{}'
    )) END
    FROM plumbline_lexemes(heading || ' ' || body)
$$;
"""
WORDS_BACK = """
DROP FUNCTION plumbline_filed(bigint, text, text);
DROP FUNCTION plumbline_words(text, text);
DROP FUNCTION plumbline_number(text);
DROP FUNCTION plumbline_lexemes(text);
"""

# Items are under row-level security, and where a passage stands must not depend on who writes it: these functions
# read as the system and show nothing.
COMPARTMENTS = """
CREATE FUNCTION plumbline_compartment_of(item bigint) RETURNS bigint
LANGUAGE plpgsql SET plumbline.reader TO 'system' AS $$
DECLARE
    place record;
    found bigint;
BEGIN
    SELECT placed.domain_id, placed.kind_id, placed.sensitivity, ARRAY(
        SELECT group_id FROM context_contextitem_audiences WHERE contextitem_id = placed.id ORDER BY group_id
    ) AS audience_ids INTO place
    FROM context_contextitem placed WHERE placed.id = item;
    SELECT id INTO found FROM context_compartment
    WHERE domain_id = place.domain_id AND kind_id = place.kind_id AND sensitivity = place.sensitivity
    AND audience_ids = place.audience_ids;
    IF found IS NULL AND place.domain_id IS NOT NULL THEN
        -- One maker at a time, so that two who make the same two cannot wait for each other.
        PERFORM pg_advisory_xact_lock(7246514);
        INSERT INTO context_compartment (domain_id, kind_id, sensitivity, audience_ids, passages)
        VALUES (place.domain_id, place.kind_id, place.sensitivity, place.audience_ids, 0)
        ON CONFLICT (domain_id, kind_id, sensitivity, audience_ids) DO NOTHING;
        SELECT id INTO found FROM context_compartment
        WHERE domain_id = place.domain_id AND kind_id = place.kind_id AND sensitivity = place.sensitivity
        AND audience_ids = place.audience_ids;
    END IF;
    RETURN found;
END $$;

CREATE FUNCTION plumbline_passage_is_placed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.compartment_id := plumbline_compartment_of(NEW.item_id);
    RETURN NEW;
END $$;

CREATE FUNCTION plumbline_passages_move() RETURNS trigger LANGUAGE plpgsql SET plumbline.reader TO 'system' AS $$
DECLARE
    moved bigint := CASE TG_TABLE_NAME
        WHEN 'context_contextitem' THEN (to_jsonb(NEW) ->> 'id')::bigint
        ELSE (coalesce(to_jsonb(NEW), to_jsonb(OLD)) ->> 'contextitem_id')::bigint
    END;
BEGIN
    UPDATE context_passage SET compartment_id = NULL WHERE item_id = moved;
    RETURN NULL;
END $$;

CREATE FUNCTION plumbline_compartment_stands() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a compartment does not change what it is' USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER passage_is_placed BEFORE INSERT OR UPDATE OF item_id, compartment_id ON context_passage
FOR EACH ROW EXECUTE FUNCTION plumbline_passage_is_placed();
ALTER TABLE context_passage ENABLE ALWAYS TRIGGER passage_is_placed;

CREATE TRIGGER passages_move AFTER UPDATE OF domain_id, kind_id, sensitivity ON context_contextitem FOR EACH ROW
WHEN ((OLD.domain_id, OLD.kind_id, OLD.sensitivity) IS DISTINCT FROM (NEW.domain_id, NEW.kind_id, NEW.sensitivity))
EXECUTE FUNCTION plumbline_passages_move();
ALTER TABLE context_contextitem ENABLE ALWAYS TRIGGER passages_move;

CREATE TRIGGER passages_move AFTER INSERT OR DELETE OR UPDATE ON context_contextitem_audiences
FOR EACH ROW EXECUTE FUNCTION plumbline_passages_move();
ALTER TABLE context_contextitem_audiences ENABLE ALWAYS TRIGGER passages_move;

CREATE TRIGGER compartment_stands BEFORE UPDATE OF domain_id, kind_id, sensitivity, audience_ids ON context_compartment
FOR EACH STATEMENT EXECUTE FUNCTION plumbline_compartment_stands();
ALTER TABLE context_compartment ENABLE ALWAYS TRIGGER compartment_stands;
"""
COMPARTMENTS_BACK = """
DROP TRIGGER compartment_stands ON context_compartment;
DROP TRIGGER passages_move ON context_contextitem_audiences;
DROP TRIGGER passages_move ON context_contextitem;
DROP TRIGGER passage_is_placed ON context_passage;
DROP FUNCTION plumbline_compartment_stands();
DROP FUNCTION plumbline_passages_move();
DROP FUNCTION plumbline_passage_is_placed();
DROP FUNCTION plumbline_compartment_of(bigint);
"""

# Passages are judged by their compartment: one comparison a row instead of a look at its item. Sub-selects are
# evaluated once a statement; the one on items is itself under the policy on items. CASE, because the planner would
# otherwise think that hardly any row passes, and read all of them rather than use an index.
READER = "(SELECT current_setting('plumbline.reader', true))"
CLEARANCE = "(SELECT nullif(current_setting('plumbline.clearance', true), '')::int)"
PERSON = "(SELECT nullif(current_setting('plumbline.person', true), '')::bigint)"
GROUPS = "(SELECT coalesce(nullif(current_setting('plumbline.groups', true), ''), '{}')::bigint[])::bigint[]"
DOMAINS = "(SELECT nullif(current_setting('plumbline.domains', true), '')::bigint[])::bigint[]"
READABLE = f"""CASE WHEN
    {READER} = 'system'
    OR (
        {READER} = 'principal'
        AND (
            compartment_id = ANY (ARRAY(
                SELECT place.id FROM context_compartment place
                WHERE place.sensitivity <= {CLEARANCE}
                AND ({DOMAINS} IS NULL OR place.domain_id = ANY ({DOMAINS}))
                AND (place.audience_ids = '{{}}' OR place.audience_ids && ({GROUPS})::integer[])
            ))
            OR item_id = ANY (ARRAY(
                SELECT item.id FROM context_contextitem item
                WHERE {PERSON} IS NOT NULL AND (
                    item.owner_id = {PERSON}
                    OR item.id IN (SELECT steward.contextitem_id FROM context_contextitem_stewards steward
                                   WHERE steward.user_id = {PERSON})
                )
            ))
        )
    )
THEN true ELSE false END"""  # noqa: S608
READABLE_BEFORE = """
    (SELECT current_setting('plumbline.reader', true)) = 'system'
    OR EXISTS (SELECT FROM context_contextitem item WHERE item.id = context_passage.item_id)
"""


class Migration(migrations.Migration):
    dependencies = [("context", "0008_epochs")]
    operations = [
        migrations.CreateModel(
            name="Compartment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("sensitivity", models.PositiveSmallIntegerField()),
                (
                    "audience_ids",
                    django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None),
                ),
                ("passages", models.PositiveIntegerField(default=0)),
                (
                    "domain",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="context.domain",
                    ),
                ),
                (
                    "kind",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="context.kind",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("domain", "kind", "sensitivity", "audience_ids"), name="compartment_stands_once"
                    )
                ],
            },
        ),
        migrations.RunSQL(WORDS, WORDS_BACK),
        migrations.RemoveIndex(model_name="passage", name="passage_lexical"),
        migrations.RemoveField(model_name="passage", name="lexical"),
        migrations.AddField(
            model_name="passage",
            name="compartment",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="context.compartment",
            ),
        ),
        migrations.AddField(
            model_name="passage",
            name="words",
            field=models.GeneratedField(
                db_persist=True,
                expression=models.Func(models.F("heading_path"), models.F("text"), function="plumbline_words"),
                output_field=pgvector.django.SparseVectorField(dimensions=268435456),
            ),
        ),
        migrations.AddField(
            model_name="passage",
            name="filed",
            field=models.GeneratedField(
                db_persist=True,
                expression=models.Func(
                    models.F("compartment_id"), models.F("heading_path"), models.F("text"), function="plumbline_filed"
                ),
                output_field=django.contrib.postgres.search.SearchVectorField(),
            ),
        ),
        migrations.AddIndex(
            model_name="passage",
            index=django.contrib.postgres.indexes.GinIndex(fields=["filed"], name="passage_filed"),
        ),
        # Of a long row the list of words lies elsewhere first, which only the index reads; nothing is compressed.
        migrations.RunSQL(
            "ALTER TABLE context_passage ALTER COLUMN words SET STORAGE EXTERNAL;"
            "ALTER TABLE context_passage ALTER COLUMN filed SET STORAGE EXTERNAL",
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(COMPARTMENTS, COMPARTMENTS_BACK),
        migrations.RunSQL(
            "UPDATE context_passage SET compartment_id = plumbline_compartment_of(item_id)", migrations.RunSQL.noop
        ),
        migrations.RunSQL(
            f"ALTER POLICY readable ON context_passage USING ({READABLE})",
            f"ALTER POLICY readable ON context_passage USING ({READABLE_BEFORE})",
        ),
    ]

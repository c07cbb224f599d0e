"""Passages of texts that are no longer in force, apart from the present ones, for questions about a past moment."""

from __future__ import annotations

import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
import pgvector.django
from django.db import migrations, models

TABLE = "context_pastpassage"

# Which compartment a version would stand in by the metadata it was approved with. Where one of its audiences is gone
# the others are left, as `was_permitted` has it; where all are, nobody is left, and not everybody.
FUNCTIONS = """
CREATE FUNCTION plumbline_words_alone(filed tsvector) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT array_to_tsvector(coalesce(array_agg(lexeme), '{}')) FROM unnest(filed) WHERE lexeme !~ '^C'
$$;

CREATE FUNCTION plumbline_compartment_as_approved(approved bigint) RETURNS bigint
LANGUAGE plpgsql SET plumbline.reader TO 'system' AS $$
DECLARE
    place record;
    found bigint;
BEGIN
    SELECT domain.id AS domain_id, kind.id AS kind_id,
        CASE version.metadata ->> 'sensitivity'
            WHEN 'public' THEN 0 WHEN 'internal' THEN 1 WHEN 'confidential' THEN 2 ELSE 3 END AS sensitivity,
        ARRAY(SELECT named.id FROM auth_group named
              WHERE version.metadata -> 'audiences' ? named.name ORDER BY named.id) AS audience_ids,
        jsonb_array_length(coalesce(version.metadata -> 'audiences', '[]')) AS audiences
    INTO place
    FROM context_contextversion version
    JOIN context_domain domain ON domain.slug = version.metadata ->> 'domain'
    JOIN context_kind kind ON kind.slug = version.metadata ->> 'kind'
    WHERE version.id = approved;
    IF place.domain_id IS NULL OR (place.audiences > 0 AND place.audience_ids = '{}') THEN
        RETURN NULL;
    END IF;
    SELECT id INTO found FROM context_compartment
    WHERE domain_id = place.domain_id AND kind_id = place.kind_id AND sensitivity = place.sensitivity
    AND audience_ids = place.audience_ids;
    IF found IS NULL THEN
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

-- The past passages that ended after a moment, or that began before it, where there are at most so many of either; else
-- nothing. Read as the system: who may see one is judged when it is read.
CREATE FUNCTION plumbline_rare_past(moment timestamptz, most integer) RETURNS bigint[]
LANGUAGE plpgsql STABLE SET plumbline.reader TO 'system' AS $$
DECLARE
    found bigint[];
BEGIN
    found := ARRAY(SELECT id FROM context_pastpassage WHERE in_force_until > moment
                   ORDER BY in_force_until LIMIT most + 1);
    IF cardinality(found) <= most THEN
        RETURN found;
    END IF;
    found := ARRAY(SELECT id FROM context_pastpassage WHERE in_force_from <= moment
                   ORDER BY in_force_from LIMIT most + 1);
    RETURN CASE WHEN cardinality(found) <= most THEN found END;
END $$;

CREATE FUNCTION plumbline_past_passage_is_placed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.compartment_id := plumbline_compartment_of(NEW.item_id);
    NEW.approved_compartment_id := plumbline_compartment_as_approved(NEW.version_id);
    RETURN NEW;
END $$;
"""
FUNCTIONS_BACK = """
DROP FUNCTION plumbline_past_passage_is_placed();
DROP FUNCTION plumbline_rare_past(timestamptz, integer);
DROP FUNCTION plumbline_compartment_as_approved(bigint);
DROP FUNCTION plumbline_words_alone(tsvector);
"""

MOVE = """
CREATE OR REPLACE FUNCTION plumbline_passages_move() RETURNS trigger
LANGUAGE plpgsql SET plumbline.reader TO 'system' AS $$
DECLARE
    moved bigint := CASE TG_TABLE_NAME
        WHEN 'context_contextitem' THEN (to_jsonb(NEW) ->> 'id')::bigint
        ELSE (coalesce(to_jsonb(NEW), to_jsonb(OLD)) ->> 'contextitem_id')::bigint
    END;
    place bigint := plumbline_compartment_of(moved);
BEGIN
    UPDATE context_passage SET compartment_id = place WHERE item_id = moved;
    {past}
    RETURN NULL;
END $$;
"""
MOVE_PAST = "UPDATE context_pastpassage SET compartment_id = place WHERE item_id = moved;"

# As for passages (0009), but that the text must have been approved for the reader, besides being on an item of theirs.
READER = "(SELECT current_setting('plumbline.reader', true))"
CLEARANCE = "(SELECT nullif(current_setting('plumbline.clearance', true), '')::int)"
PERSON = "(SELECT nullif(current_setting('plumbline.person', true), '')::bigint)"
GROUPS = "(SELECT coalesce(nullif(current_setting('plumbline.groups', true), ''), '{}')::bigint[])::bigint[]"
DOMAINS = "(SELECT nullif(current_setting('plumbline.domains', true), '')::bigint[])::bigint[]"
MINE = f"""ARRAY(
    SELECT place.id FROM context_compartment place
    WHERE place.sensitivity <= {CLEARANCE}
    AND ({DOMAINS} IS NULL OR place.domain_id = ANY ({DOMAINS}))
    AND (place.audience_ids = '{{}}' OR place.audience_ids && ({GROUPS})::integer[])
)"""
READABLE = f"""CASE WHEN
    {READER} = 'system'
    OR (
        {READER} = 'principal'
        AND (
            (compartment_id = ANY ({MINE}) AND approved_compartment_id = ANY ({MINE}))
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
THEN true ELSE false END"""  # noqa: S608  our own constants

SET_UP = f"""
ALTER TABLE {TABLE} SET (toast_tuple_target = 4080);
ALTER TABLE {TABLE} ALTER COLUMN embedding SET STORAGE PLAIN;
ALTER TABLE {TABLE} ALTER COLUMN words SET STORAGE EXTERNAL;
ALTER TABLE {TABLE} ALTER COLUMN filed SET STORAGE EXTERNAL;
ALTER TABLE {TABLE} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {TABLE} FORCE ROW LEVEL SECURITY;
CREATE POLICY readable ON {TABLE} FOR SELECT USING ({READABLE});
CREATE POLICY inserted ON {TABLE} FOR INSERT WITH CHECK (true);
CREATE POLICY updated ON {TABLE} FOR UPDATE USING (true);
CREATE POLICY deleted ON {TABLE} FOR DELETE USING (true);
"""
TRIGGERS = {
    "past_passage_is_placed": (
        f"BEFORE INSERT OR UPDATE OF item_id, version_id, compartment_id, approved_compartment_id ON {TABLE} "
        "FOR EACH ROW EXECUTE FUNCTION plumbline_past_passage_is_placed()"
    ),
    # A vector that comes later changes what a question about the past finds.
    "epoch_on_update": (
        f"AFTER UPDATE ON {TABLE} REFERENCING NEW TABLE AS moved_rows FOR EACH STATEMENT "
        "EXECUTE FUNCTION plumbline_parts_moved()"
    ),
}
GUARDS = "".join(
    f"CREATE TRIGGER {name} {definition}; ALTER TABLE {TABLE} ENABLE ALWAYS TRIGGER {name};"
    for name, definition in TRIGGERS.items()
)


class Migration(migrations.Migration):
    dependencies = [("context", "0011_vectors_without_reindexing")]
    operations = [
        migrations.CreateModel(
            name="PastPassage",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("ordinal", models.PositiveIntegerField()),
                ("heading_path", models.CharField(blank=True, max_length=600)),
                ("anchor", models.CharField(blank=True, max_length=200)),
                ("text", models.TextField()),
                ("token_count", models.PositiveIntegerField()),
                ("embedding", pgvector.django.HalfVectorField(blank=True, dimensions=384, null=True)),
                ("embedding_model", models.CharField(blank=True, max_length=120)),
                ("words", pgvector.django.SparseVectorField(dimensions=268435456)),
                ("filed", django.contrib.postgres.search.SearchVectorField()),
                ("in_force_from", models.DateTimeField()),
                ("in_force_until", models.DateTimeField()),
                (
                    "approved_compartment",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="context.compartment",
                    ),
                ),
                (
                    "compartment",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="context.compartment",
                    ),
                ),
                (
                    "item",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="past_passages",
                        to="context.contextitem",
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="past_passages",
                        to="context.contextversion",
                    ),
                ),
            ],
            options={
                "ordering": ["item_id", "version_id", "ordinal"],
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(fields=["filed"], name="past_passage_filed"),
                    pgvector.django.HnswIndex(
                        ef_construction=64,
                        fields=["embedding"],
                        m=16,
                        name="past_passage_embedding",
                        opclasses=["halfvec_cosine_ops"],
                    ),
                    models.Index(
                        fields=["in_force_until"],
                        include=("id", "item", "compartment", "approved_compartment"),
                        name="past_passage_ended",
                    ),
                    models.Index(
                        fields=["in_force_from"],
                        include=("id", "item", "compartment", "approved_compartment"),
                        name="past_passage_began",
                    ),
                    models.Index(
                        condition=models.Q(("embedding__isnull", True)),
                        fields=["id"],
                        name="past_passage_awaits_embedding",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("version", "ordinal"), name="past_passage_stands_once_in_its_version"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("in_force_until__gt", models.F("in_force_from"))),
                        name="past_passage_was_in_force",
                    ),
                ],
            },
        ),
        migrations.RunSQL(FUNCTIONS, FUNCTIONS_BACK),
        migrations.RunSQL(MOVE.replace("{past}", MOVE_PAST), MOVE.replace("{past}", "")),
        migrations.RunSQL(SET_UP, migrations.RunSQL.noop),
        migrations.RunSQL(GUARDS, migrations.RunSQL.noop),
    ]

"""An emergency publication needs its reason and somebody who did not write it; its ratifications never change."""

from __future__ import annotations

from django.db import migrations

FORWARD = """
CREATE OR REPLACE FUNCTION plumbline_change_is_sound() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    approvals integer;
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'draft' THEN
            RAISE EXCEPTION 'a change starts as a draft' USING ERRCODE = 'check_violation';
        END IF;
        NEW.published_xact := NULL;
        RETURN NEW;
    END IF;
    IF OLD.state = 'published' THEN
        RAISE EXCEPTION 'change % is published and never changes', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.author_id <> OLD.author_id OR NEW.revision < OLD.revision OR NEW.created_at <> OLD.created_at THEN
        RAISE EXCEPTION 'the author, the creation and the count of revisions of change % stand', OLD.id
            USING ERRCODE = 'check_violation';
    END IF;
    NEW.published_xact := NULL;
    IF NEW.state IN ('approved', 'scheduled', 'published') THEN
        IF OLD.state NOT IN ('in_review', 'approved', 'scheduled') THEN
            RAISE EXCEPTION 'change % was not in review', OLD.id USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.digest <> OLD.digest OR NEW.title <> OLD.title OR NEW.reason <> OLD.reason
           OR NEW.revision <> OLD.revision OR NEW.approvals_required < OLD.approvals_required THEN
            RAISE EXCEPTION 'change % was edited: its approval is void', OLD.id USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.emergency_reason <> '' THEN
            IF NEW.state <> 'published' OR NEW.published_by_id IS NULL OR NEW.published_by_id = NEW.author_id
               OR EXISTS (SELECT 1 FROM governance_change_editors editor
                          WHERE editor.change_id = NEW.id AND editor.user_id = NEW.published_by_id) THEN
                RAISE EXCEPTION 'nobody publishes a change in an emergency that they edited'
                    USING ERRCODE = 'check_violation';
            END IF;
            NEW.published_xact := txid_current();
            RETURN NEW;
        END IF;
        SELECT count(DISTINCT review.reviewer_id) INTO approvals
        FROM governance_review review
        WHERE review.change_id = NEW.id AND review.digest = NEW.digest AND review.decision = 'approve'
          AND review.reviewer_id <> NEW.author_id
          AND NOT EXISTS (SELECT 1 FROM governance_change_editors editor
                          WHERE editor.change_id = NEW.id AND editor.user_id = review.reviewer_id);
        IF approvals < NEW.approvals_required THEN
            RAISE EXCEPTION 'change % has % of % approvals', NEW.id, approvals, NEW.approvals_required
                USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.state = 'published' THEN
            NEW.published_xact := txid_current();
        END IF;
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION plumbline_ratification_is_sound() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    subject governance_change%ROWTYPE;
BEGIN
    SELECT * INTO subject FROM governance_change WHERE id = NEW.change_id;
    IF subject.state <> 'published' OR subject.emergency_reason = '' OR subject.digest <> NEW.digest THEN
        RAISE EXCEPTION 'change % was not published in an emergency, or not as this digest', NEW.change_id
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.person_id IN (subject.author_id, subject.published_by_id) OR EXISTS (
        SELECT 1 FROM governance_change_editors WHERE change_id = NEW.change_id AND user_id = NEW.person_id
    ) THEN
        RAISE EXCEPTION 'nobody ratifies a change that they edited or published' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER is_sound BEFORE INSERT ON governance_ratification
    FOR EACH ROW EXECUTE FUNCTION plumbline_ratification_is_sound();
CREATE TRIGGER never_update BEFORE UPDATE ON governance_ratification
    FOR EACH STATEMENT EXECUTE FUNCTION plumbline_refuse();
CREATE TRIGGER never_delete BEFORE DELETE ON governance_ratification
    FOR EACH STATEMENT EXECUTE FUNCTION plumbline_refuse();
CREATE TRIGGER never_truncate BEFORE TRUNCATE ON governance_ratification
    FOR EACH STATEMENT EXECUTE FUNCTION plumbline_refuse();
ALTER TABLE governance_ratification ENABLE ALWAYS TRIGGER is_sound;
ALTER TABLE governance_ratification ENABLE ALWAYS TRIGGER never_update;
ALTER TABLE governance_ratification ENABLE ALWAYS TRIGGER never_delete;
ALTER TABLE governance_ratification ENABLE ALWAYS TRIGGER never_truncate;
"""


class Migration(migrations.Migration):
    dependencies = [("governance", "0004_drafting_comments_emergencies")]
    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]

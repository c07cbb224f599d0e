"""A kind of news of its own for those who have to ratify an emergency."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("governance", "0015_saved_views")]

    operations = [
        migrations.RemoveConstraint(
            model_name="notification",
            name="notification_kind_is_known",
        ),
        migrations.RemoveConstraint(
            model_name="notificationchoice",
            name="choice_kind_is_known",
        ),
        migrations.AlterField(
            model_name="notification",
            name="kind",
            field=models.CharField(
                choices=[
                    ("review_requested", "A change waits for your decision"),
                    ("review_due", "A decision of yours is due"),
                    ("review_escalated", "A decision in your domain is late"),
                    ("change_approved", "Your change was approved"),
                    ("changes_requested", "Changes to yours were requested"),
                    ("change_rejected", "Your change was rejected"),
                    ("ratification_asked", "An emergency waits for your verdict"),
                    ("change_suspended", "A scheduled change was suspended"),
                    ("item_published", "A text you answer for was published"),
                    ("verification_due", "Texts of yours are to be verified"),
                    ("verification_escalated", "Texts in your domain are overdue"),
                    ("finding_opened", "A finding needs you"),
                    ("finding_due", "A finding of yours is due"),
                    ("finding_escalated", "A finding in your domain is late"),
                    ("findings_weekly", "Your findings, once a week"),
                    ("delegation", "Somebody decides in another's place"),
                ],
                max_length=30,
            ),
        ),
        migrations.AlterField(
            model_name="notificationchoice",
            name="kind",
            field=models.CharField(
                choices=[
                    ("review_requested", "A change waits for your decision"),
                    ("review_due", "A decision of yours is due"),
                    ("review_escalated", "A decision in your domain is late"),
                    ("change_approved", "Your change was approved"),
                    ("changes_requested", "Changes to yours were requested"),
                    ("change_rejected", "Your change was rejected"),
                    ("ratification_asked", "An emergency waits for your verdict"),
                    ("change_suspended", "A scheduled change was suspended"),
                    ("item_published", "A text you answer for was published"),
                    ("verification_due", "Texts of yours are to be verified"),
                    ("verification_escalated", "Texts in your domain are overdue"),
                    ("finding_opened", "A finding needs you"),
                    ("finding_due", "A finding of yours is due"),
                    ("finding_escalated", "A finding in your domain is late"),
                    ("findings_weekly", "Your findings, once a week"),
                    ("delegation", "Somebody decides in another's place"),
                ],
                max_length=30,
            ),
        ),
        migrations.AddConstraint(
            model_name="notification",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "kind__in",
                        [
                            "review_requested",
                            "review_due",
                            "review_escalated",
                            "change_approved",
                            "changes_requested",
                            "change_rejected",
                            "ratification_asked",
                            "change_suspended",
                            "item_published",
                            "verification_due",
                            "verification_escalated",
                            "finding_opened",
                            "finding_due",
                            "finding_escalated",
                            "findings_weekly",
                            "delegation",
                        ],
                    )
                ),
                name="notification_kind_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="notificationchoice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "kind__in",
                        [
                            "review_requested",
                            "review_due",
                            "review_escalated",
                            "change_approved",
                            "changes_requested",
                            "change_rejected",
                            "ratification_asked",
                            "change_suspended",
                            "item_published",
                            "verification_due",
                            "verification_escalated",
                            "finding_opened",
                            "finding_due",
                            "finding_escalated",
                            "findings_weekly",
                            "delegation",
                        ],
                    )
                ),
                name="choice_kind_is_known",
            ),
        ),
    ]

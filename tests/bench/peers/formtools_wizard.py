"""The usual wizard: Django and django-formtools' NamedUrlSessionWizardView, sessions in the
database.

What `startproject` gives a project without users and an admin, with the settings that Django's own
checklist for deployment asks for (cached templates, persistent connections), and CSRF tokens. The
templates are the shortest that render every field with its label and errors.
"""

import os
from typing import Any
from urllib.parse import parse_qs, urlsplit

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, re_path

from tests.bench.peers.questions import (
    CONNECTIONS,
    CONTENT_TYPES,
    DEPTHS,
    PLATFORMS,
    PROVIDERS,
    TONES,
    YES_NO,
)


def _database(url: str) -> dict[str, Any]:
    if url.startswith("sqlite:///"):
        pragmas = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": url.removeprefix("sqlite:///"),
            "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 5, "init_command": pragmas},
            "CONN_MAX_AGE": None,
        }
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.removeprefix("/"),
        "USER": parts.username,
        "HOST": parse_qs(parts.query)["host"][0],
        "CONN_MAX_AGE": None,
    }


_FORM = """<!doctype html><html lang="en"><title>{{ wizard.steps.current }}</title>
<h1>Step {{ wizard.steps.step1 }} of {{ wizard.steps.count }}</h1>
<form method="post">{% csrf_token %}{{ wizard.management_form }}{{ wizard.form.as_p }}
{% if wizard.steps.prev %}<button name="wizard_goto_step" value="{{ wizard.steps.prev }}">Back
</button>{% endif %}<button>Save</button></form></html>"""
_WELCOME = """<!doctype html><html lang="en"><title>Welcome</title><h1>Welcome</h1>
<form method="get" action="/wizard/"><button>Start</button></form></html>"""
_DONE = """<!doctype html><html lang="en"><title>Done</title><h1>Done</h1>
{% for name, value in answers.items %}<p>{{ name }}: {{ value }}{% endfor %}</html>"""

settings.configure(
    DEBUG=False,
    SECRET_KEY=os.environ["SECRET_KEY"],
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=[
        "django.contrib.sessions", "django.contrib.messages", "django.contrib.contenttypes",
        "formtools",
    ],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    TEMPLATES=[{
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {
            "context_processors": ["django.template.context_processors.request"],
            "loaders": [("django.template.loaders.cached.Loader", [
                ("django.template.loaders.locmem.Loader",
                 {"form.html": _FORM, "welcome.html": _WELCOME, "done.html": _DONE}),
            ])],
        },
    }],
    DATABASES={"default": _database(os.environ["DATABASE_URL"])},
    SESSION_ENGINE="django.contrib.sessions.backends.db",
    USE_TZ=True,
)  # fmt: skip
django.setup()

from django import forms  # noqa: E402 - they need the settings
from django.db import connection, models  # noqa: E402
from formtools.wizard.views import NamedUrlSessionWizardView  # noqa: E402


class Answers(models.Model):
    """What a finished wizard leaves."""

    given = models.JSONField()

    class Meta:
        app_label = "bench"


def _choices(values: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(one, one) for one in values]


def _text(limit: int = 1000, required: bool = False, lines: bool = False) -> forms.CharField:
    widget = forms.Textarea if lines else forms.TextInput
    return forms.CharField(max_length=limit, required=required, widget=widget)


def _one_of(values: tuple[str, ...]) -> forms.ChoiceField:
    return forms.ChoiceField(choices=_choices(values), widget=forms.RadioSelect)


def _some_of(values: tuple[str, ...], required: bool = True) -> forms.MultipleChoiceField:
    widget = forms.CheckboxSelectMultiple
    return forms.MultipleChoiceField(choices=_choices(values), widget=widget, required=required)


ApiKeysForm = type("ApiKeysForm", (forms.Form,), {
    name: forms.CharField(widget=forms.PasswordInput, required=False) for name in PROVIDERS
})  # fmt: skip


class WebsiteForm(forms.Form):
    has_website = _one_of(YES_NO)
    website_url = forms.URLField(required=False, assume_scheme="https")
    use_analysis = forms.BooleanField(required=False, initial=True)
    business_description = _text(lines=True)
    industry = _text(100)
    target_audience = _text(500, lines=True)
    business_goals = _text(lines=True)


class ResearchForm(forms.Form):
    research_depth = _one_of(DEPTHS)
    content_types = _some_of(CONTENT_TYPES)
    auto_research = forms.BooleanField(required=False, initial=True)
    factual_content = forms.BooleanField(required=False, initial=True)
    competitors = _text(3000, lines=True)


class PersonaForm(forms.Form):
    persona_name = _text(80, required=True)
    tone = _one_of(TONES)
    audience = _text(500, required=True, lines=True)
    voice_description = _text(lines=True)
    selected_platforms = _some_of(PLATFORMS)


class IntegrationsForm(forms.Form):
    platforms = _some_of(CONNECTIONS, required=False)
    notify_email = forms.EmailField(required=False)


class FinishForm(forms.Form):
    first_declaration = _text(2000, required=True, lines=True)


class Wizard(NamedUrlSessionWizardView):  # type: ignore[misc]
    """Every answer in the session; all of them in one row at the end."""

    form_list = (
        ("api-keys", ApiKeysForm), ("website", WebsiteForm), ("research", ResearchForm),
        ("persona", PersonaForm), ("integrations", IntegrationsForm), ("finish", FinishForm),
    )  # fmt: skip
    template_name = "form.html"

    def done(self, _forms: Any, **_more: Any) -> HttpResponse:
        answers = self.get_all_cleaned_data()
        Answers.objects.create(given=answers)
        return render(self.request, "done.html", {"answers": answers})


def welcome(request: HttpRequest) -> HttpResponse:
    return render(request, "welcome.html")


_wizard = Wizard.as_view(url_name="step", done_step_name="done")
urlpatterns = [
    path("", welcome),
    path("wizard/", _wizard, name="wizard"),
    re_path(r"^wizard/(?P<step>[-\w]+)/$", _wizard, name="step"),
]


def make_tables() -> None:
    """Once, before it is served: `python -m tests.bench.peers.formtools_wizard`."""
    from django.contrib.sessions.models import Session

    with connection.schema_editor() as editor:
        for model in (Session, Answers):
            editor.create_model(model)


if __name__ == "__main__":
    make_tables()
else:
    application = get_wsgi_application()

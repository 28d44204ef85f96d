"""Onward: a server-rendered onboarding whose every step is in SQL before the next page is shown."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime

from flask import Flask, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from markupsafe import Markup
from sqlalchemy import event

from webapp import assets, cli, config, errors, extensions, jobs, mail, readings, security, steps
from webapp.identity import anonymous
from webapp.operators import cleanup, health
from webapp.steps.research import CompetitorAnalysis
from webapp.steps.website.competitors import CompetitorTask
from webapp.steps.website.task import AnalysisTask
from webapp.vault import Vault
from webapp.wizard import history_views, link_views, store, views
from webapp.wizard.journey import Journey

MAX_REQUEST_BYTES = 256 * 1024


def create_app(environ: Mapping[str, str] | None = None) -> Flask:
    """Wire everything together. `environ` replaces the process's environment.

    Raises ConfigError, with a sentence for each fault in the settings.
    """
    settings = config.read(os.environ if environ is None else environ)
    app = Flask(
        __name__,
        template_folder=str(config.TOP / "templates"),
        static_folder=str(config.TOP / "static"),
        instance_path=str(settings.instance_dir),
    )
    app.session_interface = anonymous.CookieInterface()
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=extensions.engine_options(settings),
        MIGRATIONS_DIR=config.TOP / "migrations",
        MAX_CONTENT_LENGTH=MAX_REQUEST_BYTES,
        MAX_FORM_MEMORY_SIZE=MAX_REQUEST_BYTES,
        MAX_FORM_PARTS=200,
        SESSION_COOKIE_NAME="__Host-onward" if settings.behind_tls else "onward",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.behind_tls,
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=anonymous.LONG,
        WTF_CSRF_TIME_LIMIT=None,
    )
    try:
        app.extensions["journey"] = Journey(steps.chosen(settings.onboarding_steps))
    except ValueError as error:
        raise config.ConfigError(str(error)) from error
    app.extensions["settings"] = settings
    app.extensions["vault"] = Vault(settings.encryption_keys)

    security.init_app(app, settings)  # its host check comes before all else
    extensions.init_app(app, settings)
    errors.init_app(app)
    jobs.register(
        app,
        AnalysisTask(refresh=store.refresh),
        CompetitorTask(CompetitorAnalysis),
        mail.MailTask(),
    )
    with app.app_context():
        if not event.contains(extensions.db.session, "after_commit", jobs.wake_after_commit):
            event.listen(extensions.db.session, "after_commit", jobs.wake_after_commit)

    app.register_blueprint(history_views.bp)
    app.register_blueprint(link_views.bp)
    app.register_blueprint(views.bp)
    app.register_blueprint(cleanup.bp)
    app.register_blueprint(health.bp)
    app.cli.add_command(cli.onboarding)
    app.add_url_rule("/", view_func=_home)
    _set_up_templates(app, settings)
    return app


def _home() -> ResponseReturnValue:
    return redirect(url_for("wizard.welcome"), 303)


def _set_up_templates(app: Flask, settings: config.Settings) -> None:
    app.jinja_env.globals.update(
        app_name=settings.app_name, asset=assets.asset, csp_nonce=security.csp_nonce
    )
    app.jinja_env.globals.update(
        advice_in_words=readings.advice_in_words,
        audit_in_words=readings.audit_in_words,
        compared_in_words=readings.compared_in_words,
        method_of=readings.method_of,
    )
    app.jinja_env.filters["datetime"] = _datetime

    @app.context_processor
    def language() -> dict[str, str]:
        locale = get_locale()
        return {
            "locale": str(locale).replace("_", "-") if locale else "en",
            "text_direction": locale.text_direction if locale else "ltr",
        }


def _datetime(moment: datetime) -> Markup:
    """`<time>` for people: `20 November 2026, 10:42 UTC`."""
    moment = moment.astimezone(UTC)
    text = f"{moment.day} {moment:%B %Y, %H:%M} UTC"
    return Markup('<time datetime="{}">{}</time>').format(f"{moment:%Y-%m-%dT%H:%M:%SZ}", text)

"""Onward: a server-rendered onboarding whose every step is in SQL before the next page is shown."""

import os
from collections.abc import Mapping

from flask import Flask, redirect, url_for
from flask.typing import ResponseReturnValue

from webapp import (
    admission,
    ai_inputs,
    appearance,
    assets,
    bounds,
    brand,
    commands,
    compress,
    config,
    converters,
    errors,
    extensions,
    jobs,
    kept,
    languages,
    limits,
    logs,
    mail,
    openapi,
    pages,
    privacy,
    proxies,
    readings,
    security,
    service,
    steps,
    watching,
    webhooks,
)
from webapp.application import Application
from webapp.identity import anonymous, users
from webapp.identity.keys import JwksKeys
from webapp.operators import cleanup, dashboard, health, metrics
from webapp.steps.research import CompetitorAnalysis
from webapp.steps.website.competitors import CompetitorTask
from webapp.steps.website.task import AnalysisTask
from webapp.vault import Vault
from webapp.wizard import api, history_views, link_views, sign_in_views, store, views
from webapp.wizard.journey import Journey


def create_app(environ: Mapping[str, str] | None = None) -> Flask:
    """Wire everything together. `environ` replaces the process's environment.

    Raises ConfigError, with a sentence for each fault in the settings.
    """
    settings = config.read(os.environ if environ is None else environ)
    app = Application(
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
        SESSION_COOKIE_NAME="__Host-onward" if settings.behind_tls else "onward",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.behind_tls,
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=anonymous.LONG,
    )
    try:
        app.extensions["journey"] = Journey(steps.chosen(settings.onboarding_steps))
    except ValueError as error:
        raise config.ConfigError(str(error)) from error
    app.extensions["settings"] = settings
    app.extensions["vault"] = Vault(settings.encryption_keys)
    app.extensions["jwks"] = JwksKeys(settings.jwt_jwks_url)

    logs.init(settings.secrets)
    admission.init_app(app, settings)  # it must know what proxies say, so it stands behind them
    watching.init_app(app)  # around all else but the proxies, which say whose id is believed
    proxies.init_app(app, settings)
    compress.init_app(app)  # what is attached first sees the response last
    security.init_app(app, settings)  # its host check comes before all else
    bounds.init_app(app)
    limits.init_app(app, settings)
    extensions.init_app(app, settings)
    languages.init_app(app, settings)
    errors.init_app(app)
    jobs.register(
        app,
        AnalysisTask(refresh=store.refresh),
        CompetitorTask(CompetitorAnalysis),
        mail.MailTask(),
        webhooks.WebhookTask(),
    )
    app.extensions["listeners"] = [webhooks.tell]

    converters.init_app(app)
    api.init_app(app, steps.STEPS, [ai_inputs.CALL])
    app.register_blueprint(service.bp)
    app.register_blueprint(openapi.bp)
    app.register_blueprint(history_views.bp)
    app.register_blueprint(privacy.bp)
    app.register_blueprint(link_views.bp)
    app.register_blueprint(sign_in_views.bp)
    app.register_blueprint(views.bp)
    app.register_blueprint(cleanup.bp)
    app.register_blueprint(health.bp)
    app.register_blueprint(metrics.bp)
    if settings.operator_token:
        app.register_blueprint(dashboard.bp)
    app.register_blueprint(pages.bp)
    appearance.init_app(app)
    app.cli.add_command(commands.onboarding)
    app.add_url_rule("/", view_func=_home)
    brand.init_app(app, settings)
    _set_up_templates(app, settings)
    kept.init_app(app)
    return app


def _home() -> ResponseReturnValue:
    return redirect(url_for("wizard.welcome"), 303)


def _set_up_templates(app: Flask, settings: config.Settings) -> None:
    app.jinja_env.globals.update(
        app_name=settings.app_name,
        asset=assets.asset,
        signed_in=users.current,
    )
    app.jinja_env.globals.update(
        advice_in_words=readings.advice_in_words,
        audit_in_words=readings.audit_in_words,
        compared_in_words=readings.compared_in_words,
        fault_in_words=readings.fault_in_words,
        method_of=readings.method_of,
        term_in_words=readings.term_in_words,
        warning_in_words=readings.warning_in_words,
    )
    app.jinja_env.filters["term"] = readings.term_in_words
    app.jinja_env.globals.update(
        privacy_url=settings.privacy_url,
        terms_url=settings.terms_url,
        support_email=settings.support_email,
        public_url=settings.public_url,
    )

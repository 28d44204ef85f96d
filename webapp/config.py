"""Environment -> Settings, read once and checked as a whole.

Every fault is told in a sentence that names the variable, and all of them are told at once, so that
an operator mends a configuration in one go.
"""

import base64
import binascii
import contextlib
import ipaddress
import os
import secrets
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from webapp.at_hand import the_app

TOP = Path(__file__).resolve().parent.parent
WEBHOOK_SECRET = "whsec_"  # noqa: S105 - no secret, but how one begins
"""What a secret of the Standard Webhooks specification begins with."""
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1", "[::1]"})

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class ConfigError(Exception):
    """The environment does not make a working application; the text says why, a line a fault."""


@dataclass(frozen=True)
class Settings:
    """What the operator decided. `docs` of each name: the contract's list of settings."""

    instance_dir: Path
    database_url: str
    broker_url: str
    secret_key: str
    encryption_keys: tuple[bytes, ...]
    cleanup_token: str
    operator_token: str
    service_token: str
    public_url: str
    deploy_env: str
    log_format: str
    env_file: Path | None
    host: str
    port: int
    workers: int
    threads: int
    prepared_statements: bool
    auth_mode: str
    jwt_jwks_url: str
    jwt_issuer: str
    jwt_audience: str
    sign_in_url: str
    trusted_proxies: tuple[Network, ...]
    rate_limits: bool
    redis_url: str
    provider_checks: bool
    onboarding_steps: tuple[str, ...] | None
    brand_columns: bool
    fetch_allow: frozenset[str]
    retention_hours: int
    completed_retention_days: int
    smtp_url: str
    mail_from: str
    app_name: str
    brand_colour: str
    brand_logo: str
    privacy_url: str
    terms_url: str
    support_email: str
    after_url: str
    webhook_url: str
    webhook_secrets: tuple[str, ...]

    @property
    def behind_tls(self) -> bool:
        """True when people reach the application over HTTPS, so that cookies can demand it."""
        return self.public_url.startswith("https://")

    @property
    def allowed_hosts(self) -> frozenset[str]:
        """Host names (without port) that a request may carry; links are made for these alone."""
        if not self.public_url:
            return LOOPBACK_NAMES
        return frozenset({(urlsplit(self.public_url).hostname or "").lower()})

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be seen in a log: keys, tokens, and the passwords in addresses."""
        addresses = (
            *(self.database_url, self.broker_url, self.redis_url, self.smtp_url),
            self.webhook_url,
        )
        passwords = (urlsplit(address).password for address in addresses)
        keys = (base64.urlsafe_b64encode(key).decode() for key in self.encryption_keys)
        tokens = (self.secret_key, self.cleanup_token, self.operator_token, self.service_token)
        signing = (secret.removeprefix(WEBHOOK_SECRET) for secret in self.webhook_secrets)
        return tuple(filter(None, (*tokens, *keys, *passwords, *signing)))

    @property
    def is_sqlite(self) -> bool:
        """True when the database is one SQLite file."""
        return self.database_url.startswith("sqlite")


def settings() -> Settings:
    """The settings of the application at work."""
    return the_app().extensions["settings"]


def read(environ: Mapping[str, str]) -> Settings:
    """Check the whole environment and return what it says.

    Raises ConfigError, with a sentence for each fault. In `DEPLOY_ENV=local` secrets that are
    missing are made once and kept in the instance folder, mode 0600.
    """
    reader = _Reader(environ)
    deploy_env = reader.text("DEPLOY_ENV", "local")
    instance_dir = Path(reader.text("INSTANCE_DIR", str(TOP / "instance"))).resolve()
    local = deploy_env == "local"
    host = reader.text("HOST", "127.0.0.1")
    if local and not _is_loopback(host):
        reader.fault(
            f"HOST is {host!r}, but DEPLOY_ENV=local serves this machine alone: "
            "set DEPLOY_ENV (for example to production) or a loopback HOST."
        )
    auth_mode = reader.choice("AUTH_MODE", ("anonymous", "jwt"), "anonymous")
    for name in ("JWT_JWKS_URL", "JWT_ISSUER", "JWT_AUDIENCE"):
        if auth_mode == "jwt" and not reader.text(name, ""):
            reader.fault(f"{name} is missing: AUTH_MODE=jwt checks every token against it.")
    if not _can_write(instance_dir):
        reader.fault(
            f"INSTANCE_DIR: {instance_dir} cannot be made or written; name another folder."
        )
        raise ConfigError("\n".join(reader.faults))
    found = Settings(
        instance_dir=instance_dir,
        database_url=reader.database_url(f"sqlite:///{instance_dir / 'onward.sqlite'}"),
        broker_url=reader.broker_url("BROKER_URL"),
        secret_key=reader.secret("SECRET_KEY", instance_dir, local, _new_secret_key),
        encryption_keys=reader.encryption_keys(instance_dir, local),
        cleanup_token=reader.text("CLEANUP_TOKEN", ""),
        operator_token=reader.text("OPERATOR_TOKEN", ""),
        service_token=reader.text("SERVICE_TOKEN", ""),
        public_url=reader.web_address("PUBLIC_URL").rstrip("/"),
        deploy_env=deploy_env,
        log_format=reader.choice("LOG_FORMAT", ("auto", "json", "text"), "auto"),
        env_file=Path(reader.text("ENV_FILE", str(TOP / ".env"))) if local else None,
        host=host,
        port=reader.number("PORT", 8000, 1, 65535),
        workers=reader.number("WORKERS", 2, 1, 256),
        threads=reader.number("THREADS", 5, 1, 64),
        prepared_statements=reader.switch("PREPARED_STATEMENTS", True),
        auth_mode=auth_mode,
        jwt_jwks_url=reader.web_address("JWT_JWKS_URL"),
        jwt_issuer=reader.text("JWT_ISSUER", ""),
        jwt_audience=reader.text("JWT_AUDIENCE", ""),
        sign_in_url=reader.web_address("SIGN_IN_URL"),
        trusted_proxies=tuple(reader.networks("TRUSTED_PROXIES")),
        rate_limits=reader.switch("RATE_LIMITS", True),
        redis_url=reader.redis_url("REDIS_URL"),
        provider_checks=reader.switch("PROVIDER_CHECKS", True),
        onboarding_steps=reader.names("ONBOARDING_STEPS") or None,
        brand_columns=reader.switch("ENABLE_WEBSITE_BRAND_COLUMNS", True),
        fetch_allow=frozenset(reader.host_ports("FETCH_ALLOW")),
        smtp_url=reader.smtp_url("SMTP_URL"),
        mail_from=reader.mail_address("MAIL_FROM", "onward@localhost"),
        retention_hours=reader.number("RETENTION_HOURS", 24, 1, 8760),
        completed_retention_days=reader.days("COMPLETED_RETENTION_DAYS"),
        app_name=" ".join(reader.text("APP_NAME", "Onward").split())[:60],
        brand_colour=reader.text("BRAND_COLOUR", ""),
        brand_logo=reader.text("BRAND_LOGO", ""),
        privacy_url=reader.web_address("PRIVACY_URL"),
        terms_url=reader.web_address("TERMS_URL"),
        support_email=reader.mail_address("SUPPORT_EMAIL", ""),
        after_url=reader.web_address("AFTER_URL"),
        webhook_url=reader.webhook_url("WEBHOOK_URL"),
        webhook_secrets=reader.webhook_secrets("WEBHOOK_SECRET", needed_by="WEBHOOK_URL"),
    )
    if reader.faults:
        raise ConfigError("\n".join(reader.faults))
    return found


class _Reader:
    """Reads one variable at a time and remembers what was wrong with it."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.faults: list[str] = []

    def fault(self, sentence: str) -> None:
        self.faults.append(sentence)

    def text(self, name: str, default: str) -> str:
        return self.environ.get(name, "").strip() or default

    def number(self, name: str, default: int, low: int, high: int) -> int:
        given = self.text(name, str(default))
        if given.isascii() and given.isdigit() and low <= int(given) <= high:
            return int(given)
        self.fault(f"{name} is {given!r}; it takes a whole number from {low} to {high}.")
        return default

    def days(self, name: str) -> int:
        """0 for off."""
        off = self.text(name, "off").lower() in {"0", "off"}
        return 0 if off else self.number(name, 0, 1, 36500)

    def choice(self, name: str, allowed: tuple[str, ...], default: str) -> str:
        given = self.text(name, default)
        if given not in allowed:
            self.fault(f"{name} is {given!r}; it takes one of: {', '.join(allowed)}.")
        return given

    def switch(self, name: str, default: bool) -> bool:
        given = self.text(name, "on" if default else "off").lower()
        if given in {"1", "true", "yes", "on"}:
            return True
        if given not in {"0", "false", "no", "off"}:
            self.fault(f"{name} is {given!r}; it takes on or off.")
        return False

    def names(self, name: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in self.text(name, "").split(",") if part.strip())

    def host_ports(self, name: str) -> list[str]:
        pairs = []
        for pair in self.names(name):
            host, _, port = pair.rpartition(":")
            if host and port.isascii() and port.isdigit() and 0 < int(port) < 65536:
                pairs.append(f"{host.lower()}:{int(port)}")
            else:
                self.fault(f"{name} holds {pair!r}; it takes host:port pairs, comma-separated.")
        return pairs

    def networks(self, name: str) -> list[Network]:
        found: list[Network] = []
        for text in self.names(name):
            try:
                found.append(ipaddress.ip_network(text, strict=False))
            except ValueError:
                self.fault(f"{name} holds {text!r}; it takes addresses or networks (10.0.0.0/8).")
        return found

    def web_address(self, name: str) -> str:
        given = self.text(name, "")
        try:
            parts = urlsplit(given)
            good = not given or (parts.scheme in {"http", "https"} and bool(parts.hostname))
        except ValueError:
            good = False
        if not good:
            self.fault(f"{name} is {given!r}; it takes an address like https://start.example.com.")
        return given if good else ""

    def database_url(self, default: str) -> str:
        given = self.text("DATABASE_URL", default)
        try:
            url = make_url(given)
        except (ArgumentError, ValueError):
            self.fault("DATABASE_URL is not a database address (sqlite:///… or postgresql://…).")
            return default
        if url.drivername in {"postgresql", "postgres"}:
            url = url.set(drivername="postgresql+psycopg")
        if url.drivername not in {"sqlite", "postgresql+psycopg"}:
            self.fault(f"DATABASE_URL names {url.drivername!r}; it takes sqlite or postgresql.")
        if url.drivername == "sqlite":
            if url.database in {None, "", ":memory:"}:
                self.fault("DATABASE_URL names a database in memory; answers need a file.")
            else:
                url = url.set(database=str((TOP / str(url.database)).resolve()))
        return url.render_as_string(hide_password=False)

    def broker_url(self, name: str) -> str:
        return self.server(
            name,
            {"redis", "rediss", "amqp", "amqps"},
            "of Redis or RabbitMQ like redis://127.0.0.1:6379/0 or amqp://guest:guest@127.0.0.1/",
        )

    def redis_url(self, name: str) -> str:
        return self.server(name, {"redis", "rediss"}, "of Redis like redis://127.0.0.1:6379/0")

    def server(self, name: str, schemes: set[str], kind: str) -> str:
        given = self.text(name, "")
        try:
            parts = urlsplit(given)
            _ = parts.port  # raises for what is no port
            good = not given or (parts.scheme in schemes and bool(parts.hostname))
        except ValueError:
            good = False
        if not good:  # the address may hold a password, so it is not repeated
            self.fault(f"{name} is no address {kind}.")
        return given

    def smtp_url(self, name: str) -> str:
        given = self.text(name, "")
        try:
            parts = urlsplit(given)
            _ = parts.port  # raises for what is no port
            good = parts.scheme in {"smtp", "smtps", "smtp+starttls"} and bool(parts.hostname)
        except ValueError:
            good = False
        if given and not good:  # the address may hold a password, so it is not repeated
            self.fault(f"{name} is no address of a mail server like smtp://user:password@host:587.")
        return given

    def webhook_url(self, name: str) -> str:
        given = self.text(name, "")
        try:
            parts = urlsplit(given)
            port = parts.port  # raises for what is no port
            good = parts.scheme in {"http", "https"} and bool(parts.hostname) and port != 0
            good &= given.isascii() and given.isprintable() and not set(given) & set(" #")
        except ValueError:
            good = False
        if given and not good:  # the address may hold a password, so it is not repeated
            self.fault(f"{name} is no address like https://app.example.com/hooks/onward.")
        elif given and parts.scheme == "http" and not _is_inside(parts.hostname or ""):
            self.fault(f"{name} is http to a host that is not a private one: use https.")
        return given

    def webhook_secrets(self, name: str, needed_by: str) -> tuple[str, ...]:
        secrets = self.names(name)
        if self.text(needed_by, "") and not secrets:
            self.fault(f"{name} is missing: what {needed_by} is told is signed with it.")
        for position, text in enumerate(secrets, start=1):
            try:
                key = base64.b64decode(text.removeprefix(WEBHOOK_SECRET), validate=True)
            except (binascii.Error, ValueError):
                key = b""
            if not text.startswith(WEBHOOK_SECRET) or not 24 <= len(key) <= 64:
                self.fault(
                    f"{name}: secret {position} is not {WEBHOOK_SECRET} and then the base64 of "
                    "24 to 64 random bytes."
                )
        return secrets

    def mail_address(self, name: str, default: str) -> str:
        given = self.text(name, default)
        if given and ("@" not in given or any(char in given for char in "\r\n<>, ")):
            self.fault(f"{name} is {given!r}; it takes an address like start@example.com.")
        return given

    def secret(self, name: str, folder: Path, local: bool, make: Callable[[], str]) -> str:
        given = self.environ.get(name, "").strip()
        if not given and local:
            return _kept_secret(folder / name.lower(), make)
        if not given:
            self.fault(f"{name} is missing: with DEPLOY_ENV other than local it must be set.")
        elif name == "SECRET_KEY" and len(given) < 16:
            self.fault("SECRET_KEY is shorter than 16 characters.")
        return given

    def encryption_keys(self, folder: Path, local: bool) -> tuple[bytes, ...]:
        given = self.secret("ENCRYPTION_KEYS", folder, local, _new_encryption_key)
        keys = []
        for position, text in enumerate(filter(None, map(str.strip, given.split(","))), start=1):
            try:
                key = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
            except (binascii.Error, ValueError):
                key = b""
            if len(key) != 32:
                self.fault(
                    f"ENCRYPTION_KEYS: key {position} is not the URL-safe base64 of 32 bytes."
                )
            keys.append(key)
        if given and not keys:
            self.fault("ENCRYPTION_KEYS holds no key.")
        return tuple(keys)


def _can_write(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)


def _is_loopback(host: str) -> bool:
    if host in LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_inside(host: str) -> bool:
    """A host of the operator's own network: a private address, or a name that no public one has."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        ending = host.rstrip(".").rpartition(".")[2]
        return host in LOOPBACK_NAMES or ending in {host, "internal", "local", "localhost"}
    return address.is_private and not address.is_unspecified


def _new_secret_key() -> str:
    return secrets.token_urlsafe(48)


def _new_encryption_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _kept_secret(path: Path, make: Callable[[], str]) -> str:
    """The secret in this file, made on first need.

    Several processes may start at once: each writes a whole file of its own, and the one whose hard
    link comes first wins, so that nobody ever reads half a secret or a second one.
    """
    if not path.exists():
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=path.name + ".")  # mode 0600
        try:
            with os.fdopen(handle, "w") as file:
                file.write(make())
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(draft, path)
        finally:
            os.unlink(draft)
    return path.read_text().strip()

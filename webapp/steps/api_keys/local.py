"""On a developer's own machine (`DEPLOY_ENV=local`) the keys also stand in a `.env` file."""

import logging
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path

from sqlalchemy import select

from webapp import dotenv
from webapp.config import settings
from webapp.extensions import after_commit, db
from webapp.steps.api_keys.models import ApiKey

log = logging.getLogger(__name__)


def variable(provider: str) -> str:
    """`OPENAI_API_KEY`, as the providers' own libraries read it."""
    return f"{provider.upper()}_API_KEY"


def write_env(session_id: str, touched: Collection[str], before: Mapping[str, ApiKey]) -> None:
    """Bring the `.env` file up to date for the providers that were `touched`, once the transaction
    at hand is committed; nothing unless `DEPLOY_ENV=local`.

    `before`: the keys that were stored. One that is gone is removed from the file where it still
    stands there; what somebody else put in its place stays.
    """
    path = settings().env_file
    if path is None or not touched:
        return
    old = {name: before[name].opened() for name in touched if name in before}
    known = {name: key for name, key in old.items() if key is not None}
    after_commit(partial(_write, path, session_id, set(touched), known))


def _write(path: Path, session_id: str, touched: set[str], before: Mapping[str, str]) -> None:
    """Under the file's lock what is stored is read again, so that of two saves at the same moment
    the later one counts, whichever comes here first."""
    try:
        with dotenv.alone(path):
            query = select(ApiKey).where(ApiKey.session_id == session_id)
            rows = db.session.scalars(query.execution_options(populate_existing=True)).all()
            stored = {row.provider: key for row in rows if (key := row.opened()) is not None}
            now = {name: stored[name] for name in touched & stored.keys()}
            for name in [name for name, key in now.items() if not dotenv.can_quote(key)]:
                log.warning("the key of %s has signs that %s cannot hold", name, path)
                del now[name]
            gone = {name: key for name, key in before.items() if name not in now}
            dotenv.update(
                path,
                {variable(name): key for name, key in now.items()},
                {variable(name): key for name, key in gone.items()},
            )
    except Exception as error:  # what is saved stays saved, whatever is wrong with a file
        log.warning("the keys were not written to %s: %s", path, type(error).__name__)

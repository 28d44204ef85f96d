"""The hidden field `revision`: which state of a step a form was made from, signed.

It is a count that the session never starts again, bound to the session and the step, so that a page
opened before a reset, or by somebody else, cannot save onto what came after.
"""

import hmac
from functools import lru_cache

from webapp.at_hand import the_app

MISSING, FOREIGN = None, -1
"""What `read` says of a base that is no count: none was sent; or one that was not made here."""
CURRENT = -2
"""The base of a change that is to be made on whatever is stored when its turn comes."""


def write(session_id: str, slug: str, count: int) -> str:
    """The field's value for a form of this session and step."""
    return f"{count}.{_signature(session_id, slug, count)}"


def read(session_id: str, slug: str, token: str) -> int | None:
    """The count in a field; MISSING for an empty one, FOREIGN for one that was not made for this
    session and step."""
    if not token:
        return MISSING
    count, _dot, signature = token.partition(".")
    if not (count.isascii() and count.isdigit() and len(count) < 12):
        return FOREIGN
    good = _signature(session_id, slug, int(count))
    return int(count) if hmac.compare_digest(signature.encode(), good.encode()) else FOREIGN


def _signature(session_id: str, slug: str, count: int) -> str:
    signature = _begun(the_app().config["SECRET_KEY"]).copy()
    signature.update(f"{session_id}|{slug}|{count}".encode())
    return signature.hexdigest()[:24]


@lru_cache(maxsize=2)
def _begun(secret: str) -> hmac.HMAC:
    """A signature begun with the key: that is half of its cost, and the same for all."""
    return hmac.new(b"onward revision" + secret.encode(), digestmod="sha256")

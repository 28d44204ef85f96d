"""What of the earlier systems is in a session already."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.extensions import Model
from webapp.types import UTCDateTime
from webapp.wizard.models import Owned


class ImportMark(Owned, Model):
    """One user's rows of one source, as they were when they were imported. The same rows once more
    change nothing, so that what a user deleted since does not come back."""

    __tablename__ = "import_marks"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    """Of the rows' contents, under the application's secret key: nothing can be guessed from it."""
    source: Mapped[str] = mapped_column(String(20))
    revision: Mapped[int]
    """The session's count after the import: while it stands there, nobody has used the session."""
    imported_at: Mapped[datetime] = mapped_column(UTCDateTime)

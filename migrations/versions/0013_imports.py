"""What of earlier systems was imported into a session."""

import sqlalchemy as sa
from alembic import op

from webapp.types import UTCDateTime

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create `import_marks`, which goes with its session."""
    op.create_table(
        "import_marks",
        sa.Column(
            "session_id",
            sa.String(64),
            sa.ForeignKey("onboarding_sessions.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("source", sa.String(20), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("imported_at", UTCDateTime, nullable=False),
    )


def downgrade() -> None:
    """Drop it: an import that is run again fills gaps again."""
    op.drop_table("import_marks")

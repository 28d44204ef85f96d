"""A session knows when its owner was reminded of it, so that nobody is reminded twice."""

import sqlalchemy as sa
from alembic import op

from webapp.types import UTCDateTime

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add `reminded_at`; nobody was reminded so far."""
    op.add_column("onboarding_sessions", sa.Column("reminded_at", UTCDateTime))


def downgrade() -> None:
    """Drop it again."""
    with op.batch_alter_table("onboarding_sessions") as table:
        table.drop_column("reminded_at")

"""A used resume link knows which browser used it, so that a repeated click is no second use."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add `used_by`; links that are used already have none."""
    op.add_column("resume_links", sa.Column("used_by", sa.String(64)))


def downgrade() -> None:
    """Drop it again."""
    op.drop_column("resume_links", "used_by")

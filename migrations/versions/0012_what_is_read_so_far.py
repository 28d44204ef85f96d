"""What is known of a website while it is still being read."""

import sqlalchemy as sa
from alembic import op

from webapp.types import JSON

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, empty: it is filled while a site is read and emptied after."""
    op.add_column("website_analyses", sa.Column("so_far", JSON))


def downgrade() -> None:
    """Drop it; every result stands in columns of its own."""
    op.drop_column("website_analyses", "so_far")

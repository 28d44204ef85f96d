"""Which anonymous sessions were begun through the API, where their id is the secret that opens
them."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Every session so far was begun in the pages."""
    op.add_column(
        "onboarding_sessions",
        sa.Column("begun_by_api", sa.Boolean, nullable=False, server_default=sa.false()),
    )


def downgrade() -> None:
    """Forget where a session was begun."""
    with op.batch_alter_table("onboarding_sessions") as table:
        table.drop_column("begun_by_api")

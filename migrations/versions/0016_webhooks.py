"""The outbox of what the host product is told."""

import sqlalchemy as sa
from alembic import op

from webapp.types import UTCDateTime

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create `webhooks`."""
    op.create_table(
        "webhooks",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("session_id", sa.String(64)),
        sa.Column("type", sa.String(40), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("created_at", UTCDateTime, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("tried_at", UTCDateTime),
        sa.Column("answered", sa.Integer),
        sa.Column("fault", sa.String(120)),
        sa.Column("next_at", UTCDateTime),
        sa.Column("until", UTCDateTime, nullable=False),
        sa.Column("delivered_at", UTCDateTime),
        sa.PrimaryKeyConstraint("number", name="pk_webhooks"),
        sa.UniqueConstraint("id", name="uq_webhooks_id"),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["onboarding_sessions.id"],
            name="fk_webhooks_session_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_webhooks_session_id_number", "webhooks", ["session_id", "number"])
    op.create_index("ix_webhooks_created_at", "webhooks", ["created_at"])


def downgrade() -> None:
    """Drop it, and the jobs that send from it."""
    op.execute("DELETE FROM jobs WHERE kind = 'webhook'")
    op.drop_table("webhooks")

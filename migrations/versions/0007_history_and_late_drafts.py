"""What was saved before, and which page saved it."""

import sqlalchemy as sa
from alembic import op

from webapp.types import JSON, UTCDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create `step_history`; a step's row learns the page that saved it."""
    op.create_table(
        "step_history",
        sa.Column("session_id", sa.String(64), nullable=False),
        sa.Column("slug", sa.String(40), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("saved_at", UTCDateTime, nullable=False),
        sa.Column("snapshot", JSON, nullable=False),
        sa.Column("changed", JSON, nullable=False),
        sa.PrimaryKeyConstraint("session_id", "slug", "revision", name="pk_step_history"),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["onboarding_sessions.id"],
            name="fk_step_history_session_id",
            ondelete="CASCADE",
        ),
    )
    op.add_column("step_progress", sa.Column("saved_page", sa.String(40)))


def downgrade() -> None:
    """Forget the history."""
    with op.batch_alter_table("step_progress") as table:
        table.drop_column("saved_page")
    op.drop_table("step_history")

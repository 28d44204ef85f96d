"""Sessions, and one row for each session and step."""

import sqlalchemy as sa
from alembic import op

from webapp.types import JSON, UTCDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create `onboarding_sessions` and `step_progress`."""
    op.create_table(
        "onboarding_sessions",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("user_id", sa.String(255)),
        sa.Column("completed", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("completed_at", UTCDateTime),
        sa.Column("first_kblock_id", sa.String(64)),
        sa.Column("first_declaration", sa.Text),
        sa.Column("revision", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("sealed_revision", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("created_at", UTCDateTime, nullable=False),
        sa.Column("updated_at", UTCDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_onboarding_sessions"),
        sa.UniqueConstraint("user_id", name="uq_onboarding_sessions_user_id"),
        sa.CheckConstraint(
            "completed = (completed_at IS NOT NULL)",
            name=op.f("ck_onboarding_sessions_completed_has_its_time"),
        ),
    )
    # The cleanup looks among the open ones alone, by age; reports look among the completed ones.
    op.create_index(
        "ix_onboarding_sessions_open_updated_at",
        "onboarding_sessions",
        ["updated_at"],
        sqlite_where=sa.text("NOT completed"),
        postgresql_where=sa.text("NOT completed"),
    )
    op.create_index(
        "ix_onboarding_sessions_completed_at",
        "onboarding_sessions",
        ["completed_at"],
        sqlite_where=sa.text("completed"),
        postgresql_where=sa.text("completed"),
    )
    op.create_table(
        "step_progress",
        sa.Column("session_id", sa.String(64), nullable=False),
        sa.Column("slug", sa.String(40), nullable=False),
        sa.Column("first_seen_at", UTCDateTime),
        sa.Column("saved_at", UTCDateTime),
        sa.Column("skipped_at", UTCDateTime),
        sa.Column("revision", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("draft", JSON),
        sa.Column("draft_at", UTCDateTime),
        sa.Column("draft_revision", sa.Integer),
        sa.PrimaryKeyConstraint("session_id", "slug", name="pk_step_progress"),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["onboarding_sessions.id"],
            name="fk_step_progress_session_id",
            ondelete="CASCADE",
        ),
    )


def downgrade() -> None:
    """Drop both."""
    op.drop_table("step_progress")
    op.drop_index("ix_onboarding_sessions_completed_at", "onboarding_sessions")
    op.drop_index("ix_onboarding_sessions_open_updated_at", "onboarding_sessions")
    op.drop_table("onboarding_sessions")

"""How far a reading is, what it remembers for the next one, competitors, and turns at a host."""

import sqlalchemy as sa
from alembic import op

from webapp.types import JSON, UTCDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ADDED = ("pages_done", "pages_known", "page_cache")


def upgrade() -> None:
    """Add three columns to `website_analyses`; create `competitor_analyses` and `host_turns`."""
    op.add_column("website_analyses", sa.Column("pages_done", sa.Integer))
    op.add_column("website_analyses", sa.Column("pages_known", sa.Integer))
    op.add_column("website_analyses", sa.Column("page_cache", JSON))
    op.create_table(
        "competitor_analyses",
        sa.Column("session_id", sa.String(64), nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("website_url", sa.String(2000), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("language", sa.String(10)),
        sa.Column("pages_read", sa.Integer),
        sa.Column("measures", JSON),
        sa.Column("warning_message", sa.Text),
        sa.Column("error_code", sa.String(40)),
        sa.Column("error_message", sa.Text),
        sa.Column("queued_at", UTCDateTime, nullable=False),
        sa.Column("started_at", UTCDateTime),
        sa.Column("analysis_date", UTCDateTime),
        sa.Column("pages_done", sa.Integer),
        sa.Column("pages_known", sa.Integer),
        sa.Column("page_cache", JSON),
        sa.Column("created_at", UTCDateTime, nullable=False),
        sa.Column("updated_at", UTCDateTime, nullable=False),
        sa.PrimaryKeyConstraint("session_id", "id", name="pk_competitor_analyses"),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["onboarding_sessions.id"],
            name="fk_competitor_analyses_session_id",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint(
            "session_id", "website_url", name="uq_competitor_analyses_session_id_website_url"
        ),
        sa.CheckConstraint(
            "status IN ('queued', 'in_progress', 'completed', 'failed')",
            name=op.f("ck_competitor_analyses_known_status"),
        ),
    )
    op.create_index("ix_competitor_analyses_id", "competitor_analyses", ["id"])
    op.create_table(
        "host_turns",
        sa.Column("address", sa.String(45), nullable=False),
        sa.Column("slot", sa.Integer, nullable=False),
        sa.Column("holder", sa.String(36), nullable=False),
        sa.Column("until", UTCDateTime, nullable=False),
        sa.PrimaryKeyConstraint("address", "slot", name="pk_host_turns"),
    )


def downgrade() -> None:
    """Drop them; analyses stay."""
    op.drop_table("host_turns")
    op.drop_index("ix_competitor_analyses_id", "competitor_analyses")
    op.drop_table("competitor_analyses")
    for name in reversed(ADDED):
        op.drop_column("website_analyses", name)

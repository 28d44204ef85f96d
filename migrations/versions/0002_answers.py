"""What the six steps ask, and what is made of it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import SchemaItem

from webapp.types import JSON, UTCDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = (
    "api_keys",
    "website_analyses",
    "website_answers",
    "research_preferences",
    "persona_data",
    "platform_integrations",
    "kblocks",
)


def upgrade() -> None:
    """Create the tables of the steps; every row belongs to a session and goes with it."""
    _create(
        "api_keys",
        sa.Column("provider", sa.String(40), nullable=False),
        sa.Column("ciphertext", sa.LargeBinary, nullable=False),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("last_four", sa.String(4), nullable=False),
        key="provider",
    )
    _create(
        "website_analyses",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("website_url", sa.String(2000), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("language", sa.String(10)),
        sa.Column("pages_read", sa.Integer),
        sa.Column("measures", JSON),
        sa.Column("writing_style", JSON),
        sa.Column("content_characteristics", JSON),
        sa.Column("target_audience", JSON),
        sa.Column("content_type", JSON),
        sa.Column("recommended_settings", JSON),
        sa.Column("style_patterns", JSON),
        sa.Column("style_guidelines", JSON),
        sa.Column("brand_analysis", JSON),
        sa.Column("seo_audit", JSON),
        sa.Column("crawl_result", JSON),
        sa.Column("evidence", JSON),
        sa.Column("warning_message", sa.Text),
        sa.Column("error_code", sa.String(40)),
        sa.Column("error_message", sa.Text),
        sa.Column("queued_at", UTCDateTime, nullable=False),
        sa.Column("started_at", UTCDateTime),
        sa.Column("analysis_date", UTCDateTime),
        sa.UniqueConstraint(
            "session_id", "website_url", name="uq_website_analyses_session_id_website_url"
        ),
        sa.CheckConstraint(
            "status IN ('queued', 'in_progress', 'completed', 'failed')",
            name=op.f("ck_website_analyses_known_status"),
        ),
        key="id",
    )
    op.create_index("ix_website_analyses_id", "website_analyses", ["id"])
    _create(
        "website_answers",
        sa.Column("has_website", sa.Boolean, nullable=False),
        sa.Column("website_url", sa.String(2000)),
        sa.Column("business_description", sa.Text, nullable=False),
        sa.Column("industry", sa.String(100), nullable=False),
        sa.Column("target_audience", sa.String(500), nullable=False),
        sa.Column("business_goals", sa.Text, nullable=False),
        sa.Column("use_analysis", sa.Boolean, nullable=False),
    )
    _create(
        "research_preferences",
        sa.Column("research_depth", sa.String(20), nullable=False),
        sa.Column("content_types", JSON, nullable=False),
        sa.Column("auto_research", sa.Boolean, nullable=False),
        sa.Column("factual_content", sa.Boolean, nullable=False),
        sa.Column("competitors", JSON, nullable=False),
        sa.CheckConstraint(
            "research_depth IN ('Basic', 'Standard', 'Comprehensive', 'Expert')",
            name=op.f("ck_research_preferences_known_research_depth"),
        ),
    )
    _create(
        "persona_data",
        sa.Column("persona_name", sa.String(80), nullable=False),
        sa.Column("tone", sa.String(20), nullable=False),
        sa.Column("audience", sa.String(500), nullable=False),
        sa.Column("voice_description", sa.Text, nullable=False),
        sa.Column("selected_platforms", JSON, nullable=False),
        sa.Column("core_persona", JSON, nullable=False),
        sa.Column("platform_personas", JSON, nullable=False),
        sa.Column("quality_metrics", JSON, nullable=False),
    )
    _create(
        "platform_integrations",
        sa.Column("platforms", JSON, nullable=False),
        sa.Column("notify_email", sa.String(254)),
    )
    _create(
        "kblocks",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("layer", sa.Integer, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("loss", sa.Float, nullable=False),
        sa.Column("justification", sa.Text, nullable=False),
        sa.Column("edges", JSON, nullable=False),
        sa.CheckConstraint("loss >= 0 AND loss <= 1", name=op.f("ck_kblocks_loss_is_a_share")),
        key="id",
    )


def downgrade() -> None:
    """Drop them."""
    for name in reversed(TABLES):
        op.drop_table(name)


def _create(name: str, *items: SchemaItem, key: str | None = None) -> None:
    """A table of a session's rows: one a session, or one a session and `key`."""
    op.create_table(
        name,
        sa.Column("session_id", sa.String(64), nullable=False),
        *items,
        sa.Column("created_at", UTCDateTime, nullable=False),
        sa.Column("updated_at", UTCDateTime, nullable=False),
        sa.PrimaryKeyConstraint("session_id", *([key] if key else []), name=f"pk_{name}"),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["onboarding_sessions.id"],
            name=f"fk_{name}_session_id",
            ondelete="CASCADE",
        ),
    )

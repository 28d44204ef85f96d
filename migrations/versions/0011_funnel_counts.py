"""What the funnel counts, in tables that outlive the sessions; and where a session was begun."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TIMES = (5, 10, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1200, 3600, 14400, 86400)

COUNT_SESSIONS = """
INSERT INTO funnel_counts (day, language, device, slug, reached)
SELECT {day}, '', '', '', count(*) FROM onboarding_sessions GROUP BY 1
"""
COUNT_STEPS = """
INSERT INTO funnel_counts (day, language, device, slug, reached, passed, skipped, drafts)
SELECT {day}, '', '', slug,
    count(first_seen_at), count(saved_at), count(skipped_at),
    sum(CASE WHEN first_seen_at IS NOT NULL AND draft IS NOT NULL
             AND saved_at IS NULL AND skipped_at IS NULL THEN 1 ELSE 0 END)
FROM step_progress JOIN onboarding_sessions ON onboarding_sessions.id = session_id
GROUP BY 1, slug
"""
COUNT_ANALYSES = """
INSERT INTO analysis_counts (day, outcome, analyses)
SELECT {day}, CASE WHEN status = 'completed' THEN 'done' ELSE coalesce(error_code, 'internal') END,
    count(*)
FROM website_analyses WHERE status IN ('completed', 'failed') GROUP BY 1, 2
"""


def upgrade() -> None:
    """Create the tables and count the sessions that are there. How long they took is not counted:
    of a step that was saved twice nobody knows any more."""
    op.add_column("onboarding_sessions", sa.Column("language", sa.String(40)))
    op.add_column("onboarding_sessions", sa.Column("device", sa.String(40)))
    op.create_table(
        "funnel_events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("language", sa.String(40), nullable=False),
        sa.Column("device", sa.String(40), nullable=False),
        sa.Column("slug", sa.String(40), nullable=False),
        *_numbers("reached", "passed", "skipped", "drafts"),
        sa.Column("seconds", sa.Integer),
        sa.Column("outcome", sa.String(40)),
        sa.PrimaryKeyConstraint("id", name="pk_funnel_events"),
    )
    op.create_table(
        "funnel_counts",
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("language", sa.String(40), nullable=False),
        sa.Column("device", sa.String(40), nullable=False),
        sa.Column("slug", sa.String(40), nullable=False),
        *_numbers("reached", "passed", "skipped", "drafts"),
        *_numbers(*(f"within_{seconds}" for seconds in TIMES), "longer"),
        sa.PrimaryKeyConstraint("day", "language", "device", "slug", name="pk_funnel_counts"),
    )
    op.create_table(
        "analysis_counts",
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("outcome", sa.String(40), nullable=False),
        *_numbers("analyses"),
        sa.PrimaryKeyConstraint("day", "outcome", name="pk_analysis_counts"),
    )
    op.execute(COUNT_SESSIONS.format(day=_day_of("onboarding_sessions.created_at")))
    op.execute(COUNT_STEPS.format(day=_day_of("onboarding_sessions.created_at")))
    op.execute(COUNT_ANALYSES.format(day=_day_of("website_analyses.updated_at")))


def downgrade() -> None:
    """Drop them; what was counted of deleted sessions is lost."""
    op.drop_table("analysis_counts")
    op.drop_table("funnel_counts")
    op.drop_table("funnel_events")
    with op.batch_alter_table("onboarding_sessions") as table:
        table.drop_column("device")
        table.drop_column("language")


def _numbers(*names: str) -> list[sa.Column[int]]:
    return [
        sa.Column(name, sa.Integer, nullable=False, server_default=sa.text("0")) for name in names
    ]


def _day_of(moment: str) -> str:
    if op.get_context().dialect.name == "postgresql":
        return f"({moment} AT TIME ZONE 'UTC')::date"
    return f"substr({moment}, 1, 10)"  # text, and UTC

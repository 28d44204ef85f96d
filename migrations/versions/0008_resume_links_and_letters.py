"""Resume links, the outbox of mails, and a cleanup that spares sessions with an open link."""

import sqlalchemy as sa
from alembic import op

from webapp.types import UTCDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

FUNCTION = """
CREATE OR REPLACE FUNCTION cleanup_onboarding_sessions(hours integer) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    deleted integer;
BEGIN
    IF hours IS NULL OR hours < 1 OR hours > 8760 THEN
        RAISE EXCEPTION 'hours must be from 1 to 8760, not %', hours
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    WITH abandoned AS (
        SELECT id FROM onboarding_sessions
        WHERE NOT completed AND updated_at < now() - make_interval(hours => hours){spared}
        ORDER BY updated_at
        FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM onboarding_sessions USING abandoned
        WHERE onboarding_sessions.id = abandoned.id
        RETURNING 1
    )
    SELECT count(*) INTO deleted FROM gone;
    RETURN deleted;
END
$$
"""
OPEN_LINK = """
          AND NOT EXISTS (
              SELECT FROM resume_links
              WHERE resume_links.session_id = onboarding_sessions.id
                AND used_at IS NULL AND revoked_at IS NULL AND expires_at > now()
          )"""


def upgrade() -> None:
    """Create `resume_links` and `letters`."""
    op.create_table(
        "resume_links",
        sa.Column("session_id", sa.String(64), nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("created_at", UTCDateTime, nullable=False),
        sa.Column("expires_at", UTCDateTime, nullable=False),
        sa.Column("used_at", UTCDateTime),
        sa.Column("revoked_at", UTCDateTime),
        *_of_a_session("resume_links"),
    )
    op.create_index("ix_resume_links_token_hash", "resume_links", ["token_hash"])
    op.create_table(
        "letters",
        sa.Column("session_id", sa.String(64), nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("recipient", sa.String(254), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("created_at", UTCDateTime, nullable=False),
        *_of_a_session("letters"),
    )
    op.create_index("ix_letters_id", "letters", ["id"])
    if op.get_context().dialect.name == "postgresql":
        op.execute(FUNCTION.format(spared=OPEN_LINK))


def downgrade() -> None:
    """Drop both; the cleanup knows nothing of links again."""
    if op.get_context().dialect.name == "postgresql":
        op.execute(FUNCTION.format(spared=""))
    op.drop_table("letters")
    op.drop_table("resume_links")


def _of_a_session(table: str) -> tuple[sa.PrimaryKeyConstraint, sa.ForeignKeyConstraint]:
    return (
        sa.PrimaryKeyConstraint("session_id", "id", name=f"pk_{table}"),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["onboarding_sessions.id"],
            name=f"fk_{table}_session_id",
            ondelete="CASCADE",
        ),
    )

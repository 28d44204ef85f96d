"""The audit trail, which the cleanup in SQL writes to as well."""

import sqlalchemy as sa
from alembic import op

from webapp.types import JSON, UTCDateTime

revision = "0010"
down_revision = "0009"
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
        WHERE NOT completed AND updated_at < now() - make_interval(hours => hours)
          AND NOT EXISTS (
              SELECT FROM resume_links
              WHERE resume_links.session_id = onboarding_sessions.id
                AND used_at IS NULL AND revoked_at IS NULL AND expires_at > now()
          )
        ORDER BY updated_at
        FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM onboarding_sessions USING abandoned
        WHERE onboarding_sessions.id = abandoned.id
        RETURNING 1
    )
    SELECT count(*) INTO deleted FROM gone;{recorded}
    RETURN deleted;
END
$$
"""
RECORDED = """
    INSERT INTO audit_trail (id, at, who, name, action, details)
    VALUES (
        gen_random_uuid()::text, clock_timestamp(), 'operator', left(session_user::text, 120),
        'cleanup', jsonb_build_object('hours', hours, 'deleted', deleted)
    );"""


def upgrade() -> None:
    """Create `audit_trail`. Its rows outlive the sessions: nothing refers to them."""
    op.create_table(
        "audit_trail",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("at", UTCDateTime, nullable=False),
        sa.Column("who", sa.String(20), nullable=False),
        sa.Column("name", sa.String(120)),
        sa.Column("action", sa.String(40), nullable=False),
        sa.Column("session_id", sa.String(64)),
        sa.Column("user_id", sa.String(255)),
        sa.Column("details", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_trail"),
    )
    op.create_index("ix_audit_trail_at", "audit_trail", ["at"])
    op.create_index("ix_audit_trail_session_id_at", "audit_trail", ["session_id", "at"])
    op.create_index("ix_audit_trail_user_id_at", "audit_trail", ["user_id", "at"])
    if op.get_context().dialect.name == "postgresql":
        op.execute(FUNCTION.format(recorded=RECORDED))


def downgrade() -> None:
    """Drop it; the cleanup in SQL tells nobody again."""
    if op.get_context().dialect.name == "postgresql":
        op.execute(FUNCTION.format(recorded=""))
    op.drop_table("audit_trail")

"""The cleanup as an SQL function, on PostgreSQL."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

CREATE = """
CREATE FUNCTION cleanup_onboarding_sessions(hours integer) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    deleted integer;
BEGIN
    IF hours IS NULL OR hours < 1 OR hours > 8760 THEN
        RAISE EXCEPTION 'hours must be from 1 to 8760, not %', hours
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- A save holds the session's row: it is skipped. A save that came before is seen, because every
    -- write touches updated_at.
    WITH abandoned AS (
        SELECT id FROM onboarding_sessions
        WHERE NOT completed AND updated_at < now() - make_interval(hours => hours)
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


def upgrade() -> None:
    """Create `cleanup_onboarding_sessions(hours)`: it returns how many sessions it deleted."""
    if op.get_context().dialect.name == "postgresql":
        op.execute(CREATE)


def downgrade() -> None:
    """Drop it."""
    if op.get_context().dialect.name == "postgresql":
        op.execute("DROP FUNCTION cleanup_onboarding_sessions(integer)")

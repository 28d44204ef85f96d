"""What a user made of the generated persona: own words, and a tone that was decided on."""

import sqlalchemy as sa
from alembic import op

from webapp.types import JSON

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add two columns to `persona_data`; both may be empty."""
    op.add_column("persona_data", sa.Column("edits", JSON))
    op.add_column("persona_data", sa.Column("tone_kept", sa.String(20)))


def downgrade() -> None:
    """Drop them: the generated texts stay, the own words go."""
    op.drop_column("persona_data", "tone_kept")
    op.drop_column("persona_data", "edits")

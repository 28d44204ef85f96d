"""What the application server and the `flask` command import."""

import os
import sys
import threading
import time

from webapp import compiled, create_app, jobs, logs, meters
from webapp.config import ConfigError


def end_with(parent: int) -> None:
    """Outlive nobody: the worker processes of a server that was killed would keep its port."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


serves = "FLASK_RUN_FROM_CLI" not in os.environ  # a command leaves the work to those who serve
logs.mask_crashes()
if serves:
    logs.to_stderr(os.environ.get("LOG_FORMAT", ""))
try:
    app = create_app()
except ConfigError as fault:
    sys.exit(f"Onward cannot start.\n{fault}")

compiled.init_app(app, app.extensions["settings"])
if serves:
    meters.share(app.extensions["settings"].instance_dir / "metrics")
    meters.expect(step.slug for step in app.extensions["journey"])
    threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
    jobs.watch(app, dict(os.environ))
else:
    compiled.compile_all(app)  # `flask db upgrade` comes before those who serve

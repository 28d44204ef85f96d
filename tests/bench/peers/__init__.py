"""What Onward is measured against: small, fair, and run by `tests.bench.journeys` alone."""

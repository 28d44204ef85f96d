"""What operators, probes and cron call. It looks at nobody's identity."""

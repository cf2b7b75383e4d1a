"""The dashboards, one a module.

docs/metrics.md says what each series means, deploy/prometheus/prometheus.yml
which labels of its own the queries count on.
"""

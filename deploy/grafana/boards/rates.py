"""PromQL that more than one dashboard has."""

from boards.panels import choice_variable

# A stage's series change when a step ends, which can take minutes: a rate needs
# a window of several steps, so it is the reader's choice and not Grafana's.
WINDOW = choice_variable(
    "window", "Rates over", ["1m", "5m", "10m", "30m", "1h"], "10m"
)


def rate(metric, by, selector=""):
    return f"sum by ({by}) (rate({metric}{selector}[$window]))"


def busy_ratio(by, selector=""):
    """Share of the steps' time in which a stage computes."""
    busy = rate("halfpipe_stage_busy_seconds_total", by, selector)
    idle = rate("halfpipe_stage_idle_seconds_total", by, selector)
    return f"{busy} / ({busy} + {idle})"


def a_step(metric, by, selector):
    """What a counter gains in one step of each stage."""
    steps = rate("halfpipe_stage_steps_total", "stage", selector)
    return f"{rate(metric, by, selector)} / on (stage) group_left {steps}"

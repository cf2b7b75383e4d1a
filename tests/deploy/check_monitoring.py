#!/usr/bin/env python3
"""Checks the alerts, the runbook and the dashboards against each other.

Usage: check_monitoring.py [ROOT]

  - each alert has a runbook_url to an entry of its name in docs/runbook.md, a
    summary and a severity, and each entry there has an alert;
  - each link within the runbook has a heading;
  - each metric in a rule or a panel is in docs/metrics.md or recorded by a rule,
    and each metric in docs/metrics.md is asked for by one of them, unless
    tests/deploy/not_shown.txt says why not;
  - the dashboards are what make_dashboards.py writes, and their panels do not
    overlap; Grafana's provisioning files name what is there.

It prints one line a finding and exits with 1 if there is any.
"""

import json
import pathlib
import re
import subprocess
import sys

import yaml

# halfpipe_jobs, halfpipe:job_step_seconds:median; not a label's value.
METRIC = re.compile(r'(?<![\w"~])halfpipe[_:][\w:]*\w(?![\w-])')
HISTOGRAM_SERIES = re.compile(r"_(bucket|sum|count)$")


def anchor(heading):
    """The fragment that GitHub makes of a heading."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def rules_of(root):
    text = (root / "deploy/prometheus/alerts.yml").read_text()
    return [
        rule
        for group in yaml.safe_load(text)["groups"]
        for rule in group["rules"]
    ]


def dashboards_of(root):
    return {
        path.name: json.loads(path.read_text())
        for path in sorted((root / "deploy/grafana/dashboards").glob("*.json"))
    }


def queries_of(dashboard):
    """(panel's title, expression) of all of them, and of the variables."""
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield f'${variable["name"]}', variable["query"]["query"]


def documented(root):
    """The names in the first column of docs/metrics.md's tables."""
    text = (root / "docs/metrics.md").read_text()
    cells = re.findall(r"^\| (`halfpipe_[^|]+)\|", text, re.MULTILINE)
    return set(re.findall(r"`(halfpipe_\w+)`", " ".join(cells)))


def check_runbook(root):
    text = (root / "docs/runbook.md").read_text()
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    entries = {name for name in headings if name.startswith("Halfpipe")}
    alerts = {rule["alert"]: rule for rule in rules_of(root) if "alert" in rule}
    for name in sorted(entries - set(alerts)):
        yield f"docs/runbook.md: there is no alert {name}"
    for name, rule in alerts.items():
        notes = rule.get("annotations", {})
        if name not in entries:
            yield f"docs/runbook.md: no entry for the alert {name}"
        if notes.get("runbook_url") != f"docs/runbook.md#{anchor(name)}":
            yield f"alerts.yml: {name}: its runbook_url is not its entry"
        if not notes.get("summary"):
            yield f"alerts.yml: {name} has no summary"
        if rule.get("labels", {}).get("severity") not in (
            "warning",
            "critical",
        ):
            yield f"alerts.yml: {name}: severity is warning or critical"
    anchors = {anchor(heading) for heading in headings}
    for link in re.findall(r"\]\(#([\w-]+)\)", text):
        if link not in anchors:
            yield f"docs/runbook.md: no heading for #{link}"


def check_names(root):
    known = documented(root)
    recorded = {rule["record"] for rule in rules_of(root) if "record" in rule}
    used = set()
    sources = [
        (f'alerts.yml: {rule.get("alert") or rule["record"]}', rule["expr"])
        for rule in rules_of(root)
    ]
    for name, dashboard in dashboards_of(root).items():
        for title, expr in queries_of(dashboard):
            sources.append((f"{name}: {title}", expr))
    for where, expr in sources:
        for metric in METRIC.findall(expr):
            if metric not in known | recorded:
                metric = HISTOGRAM_SERIES.sub("", metric)
            used.add(metric)
            if metric not in known | recorded:
                yield f"{where}: {metric} is not in docs/metrics.md"
    excused = {
        line.split()[0]
        for line in (root / "tests/deploy/not_shown.txt")
        .read_text()
        .splitlines()
        if line and not line.startswith("#")
    }
    for metric in sorted(known - used - excused):
        yield f"docs/metrics.md: no panel and no rule shows {metric}"
    for metric in sorted(excused & used):
        yield f"not_shown.txt: {metric} is shown"
    for metric in sorted(excused - known):
        yield f"not_shown.txt: {metric} is not in docs/metrics.md"


def check_dashboards(root):
    grafana = root / "deploy/grafana"
    made = subprocess.run(
        [sys.executable, str(grafana / "make_dashboards.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        yield made.stderr.strip()
    for name, dashboard in dashboards_of(root).items():
        taken = {}
        for panel in dashboard["panels"]:
            place = panel["gridPos"]
            for x in range(place["x"], place["x"] + place["w"]):
                for y in range(place["y"], place["y"] + place["h"]):
                    other = taken.setdefault((x, y), panel["title"])
                    if other != panel["title"] or x >= 24:
                        yield f'{name}: "{panel["title"]}" has no room'
    source = yaml.safe_load(
        (grafana / "provisioning/datasources/halfpipe.yaml").read_text()
    )["datasources"][0]
    settings = yaml.safe_load(
        (root / "deploy/prometheus/prometheus.yml").read_text()
    )
    if (
        source["jsonData"]["timeInterval"]
        != settings["global"]["scrape_interval"]
    ):
        yield "provisioning/datasources: timeInterval is not scrape_interval"


def main():
    here = pathlib.Path(__file__).resolve().parent
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here.parents[1]
    findings = [
        finding
        for check in (check_runbook, check_names, check_dashboards)
        for finding in check(root)
    ]
    print("\n".join(findings) or "alerts, runbook and dashboards agree")
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()

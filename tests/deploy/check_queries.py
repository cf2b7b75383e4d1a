#!/usr/bin/env python3
"""Asks a real Prometheus everything that dashboards and rules ask.

Usage: check_queries.py URL JOB PAIR [SECONDS]

URL is a Prometheus with our configuration that has scraped a service while it
ran JOB on PAIR. Each panel's query, each variable and each recorded series must
find a number there, and so must each metric that an alert looks at; those in
no_series.txt must not. Every rule must have been evaluated without an error.
Tries for SECONDS (default 90): a rate needs two scrapes.
"""

import json
import math
import pathlib
import re
import sys
import time
import urllib.parse
import urllib.request

import check_monitoring

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]


class Prometheus:
    """Its HTTP API, version 1."""

    def __init__(self, url):
        self._url = url

    def get(self, path, **parameters):
        query = urllib.parse.urlencode(parameters)
        request = f"{self._url}/api/v1/{path}?{query}"
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise ValueError(json.load(error)["error"]) from error

    def numbers(self, expr):
        """How many series it has now, those that are no numbers left out."""
        found = self.get("query", query=expr)["result"]
        values = [float(series["value"][1]) for series in found]
        return sum(not math.isnan(value) for value in values)


def queries(job, pair):
    """(where, PromQL) of everything that must find a number."""
    for name, dashboard in check_monitoring.dashboards_of(ROOT).items():
        for title, expr in check_monitoring.queries_of(dashboard):
            values = re.fullmatch(r"label_values\((.+), (\w+)\)", expr)
            if values:
                expr = f"group by ({values[2]}) ({values[1]})"
            for variable, value in (
                ("$job", job),
                ("$pair", pair),
                ("$window", "1m"),
            ):
                expr = expr.replace(variable, value)
            yield f"{name}: {title}", expr
    for rule in check_monitoring.rules_of(ROOT):
        if "record" in rule:
            yield f'alerts.yml: {rule["record"]}', rule["record"]
            continue
        for metric in set(check_monitoring.METRIC.findall(rule["expr"])):
            yield f'alerts.yml: {rule["alert"]}', metric


def findings(prometheus, job, pair, excused):
    asked = 0
    for where, expr in queries(job, pair):
        asked += 1
        expect_none = excused & set(check_monitoring.METRIC.findall(expr))
        try:
            found = prometheus.numbers(expr)
        except ValueError as error:
            yield f"{where}: {error}: {expr}"
            continue
        if expect_none and found:
            yield f"{where}: no_series.txt has {expect_none}, but there is one"
        if not expect_none and not found:
            yield f"{where}: finds nothing: {expr}"
    for group in prometheus.get("rules")["groups"]:
        for rule in group["rules"]:
            asked += 1
            if rule["health"] != "ok":
                error = rule.get("lastError", "not evaluated yet")
                yield f'{rule["name"]}: {rule["health"]}: {error}'
    if not asked:
        yield "nothing was asked"


def main():
    url, job, pair = sys.argv[1:4]
    deadline = time.monotonic() + float((sys.argv[4:] or [90])[0])
    excused = {
        line.split()[0]
        for line in (HERE / "no_series.txt").read_text().splitlines()
        if line and not line.startswith("#")
    }
    prometheus = Prometheus(url)
    while True:
        bad = list(findings(prometheus, job, pair, excused))
        if not bad:
            count = len(list(queries(job, pair)))
            print(f"{count} queries and every rule evaluated")
            return
        if time.monotonic() > deadline:
            sys.exit("\n".join(bad))
        time.sleep(1)


if __name__ == "__main__":
    main()

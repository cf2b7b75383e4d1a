"""Grafana's JSON, as far as our dashboards need it; nothing of halfpipe.

Schema version 39 (Grafana 11). A panel is a dict without a place: `dashboard`
gives it one. Queries are dicts from legend to PromQL.
"""

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH = 24  # of Grafana's grid


def _targets(queries, instant=False, form="time_series"):
    return [
        {
            "refId": chr(ord("A") + number),
            "datasource": DATASOURCE,
            "expr": expr,
            "legendFormat": legend,
            "instant": instant,
            "range": not instant,
            "format": form,
        }
        for number, (legend, expr) in enumerate(queries.items())
    ]


def _panel(kind, title, description, targets, size, options, defaults):
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "targets": targets,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
        "gridPos": {"w": size[0], "h": size[1], "x": 0, "y": 0},
    }


def graph(title, queries, description="", unit="short", width=12, **defaults):
    """Lines over time. `defaults`: min, max, decimals."""
    custom = {
        "drawStyle": "line",
        "lineWidth": 1,
        "showPoints": "never",
        "spanNulls": False,
    }
    legend = {"displayMode": "list", "placement": "bottom", "showLegend": True}
    return _panel(
        "timeseries",
        title,
        description,
        _targets(queries),
        (width, 8),
        {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}},
        {"unit": unit, "custom": custom, **defaults},
    )


def stack(*args, **kwargs):
    """A graph of areas that add up."""
    panel = graph(*args, min=0, **kwargs)
    panel["fieldConfig"]["defaults"]["custom"].update(
        fillOpacity=30, stacking={"mode": "normal", "group": "A"}
    )
    return panel


def stat(title, queries, description="", unit="short", width=4, **defaults):
    """Last values in large type. `defaults`: decimals, mappings, thresholds.

    Without a unit of its own (`unit=None`) it shows the legends instead.
    """
    last = {"calcs": ["lastNotNull"], "fields": "", "values": False}
    options = {
        "reduceOptions": last,
        "colorMode": "value",
        "graphMode": "none",
        "textMode": "auto" if unit else "name",
    }
    return _panel(
        "stat",
        title,
        description,
        _targets(queries),
        (width, 4),
        options,
        {"unit": unit or "short", **defaults},
    )


def heatmap(title, queries, description="", unit="s"):
    """A histogram's buckets over time."""
    color = {"mode": "scheme", "scheme": "Oranges", "steps": 64}
    return _panel(
        "heatmap",
        title,
        description,
        _targets(queries, form="heatmap"),
        (12, 8),
        {"calculate": False, "yAxis": {"unit": unit}, "color": color},
        {},
    )


def _override(column, name, value):
    return {
        "matcher": {"id": "byName", "options": column},
        "properties": [{"id": name, "value": value}],
    }


def table(title, queries, units, by, facts, links, description=""):
    """One row for each value of the label `by`.

    Each query is a column named by its legend, in `units[legend]`. `facts` are
    labels that are columns, too; `links` are from columns to URLs.
    """
    targets = _targets(queries, instant=True, form="table")
    panel = _panel("table", title, description, targets, (24, 7), {}, {})
    names = {
        f'Value #{target["refId"]}': target["legendFormat"]
        for target in targets
    }
    shown = [by, *facts, *units]
    panel["transformations"] = [
        {"id": "joinByField", "options": {"byField": by, "mode": "outer"}},
        {"id": "organize", "options": {"renameByName": names}},
        {"id": "filterFieldsByName", "options": {"include": {"names": shown}}},
    ]
    panel["fieldConfig"]["overrides"] = [
        _override(column, "unit", unit) for column, unit in units.items()
    ] + [
        _override(column, "links", [{"title": column, "url": url}])
        for column, url in links.items()
    ]
    return panel


def row(title):
    """A heading over what follows."""
    place = {"w": WIDTH, "h": 1, "x": 0, "y": 0}
    return {
        "type": "row",
        "title": title,
        "collapsed": False,
        "panels": [],
        "gridPos": place,
    }


def up_or_down():
    """Mappings for a value of `up`."""
    options = {
        "0": {"text": "down", "color": "red"},
        "1": {"text": "up", "color": "green"},
    }
    return [{"type": "value", "options": options}]


def red_from(value):
    """Thresholds: green below it."""
    steps = [
        {"color": "green", "value": None},
        {"color": "red", "value": value},
    ]
    return {"mode": "absolute", "steps": steps}


def _variable(kind, name, label, **fields):
    return {"type": kind, "name": name, "label": label, **fields}


def labels_variable(name, label, values_of):
    """A choice among the values that label_values() finds."""
    return _variable(
        "query",
        name,
        label,
        datasource=DATASOURCE,
        query={"query": values_of, "refId": name},
        refresh=2,  # with the time range: yesterday's are found, too
        sort=1,
    )


def choice_variable(name, label, values, default):
    """A choice among fixed values."""
    options = [
        {"text": value, "value": value, "selected": value == default}
        for value in values
    ]
    return _variable(
        "custom",
        name,
        label,
        query=",".join(values),
        current={"text": default, "value": default, "selected": True},
        options=options,
    )


def _lay_out(panels):
    """Numbers the panels and places them from left to right, line by line."""
    x = y = line = 0
    for number, panel in enumerate(panels, start=1):
        place = panel["gridPos"]
        if x + place["w"] > WIDTH:
            x, y, line = 0, y + line, 0
        place["x"], place["y"] = x, y
        x, line = x + place["w"], max(line, place["h"])
        panel["id"] = number
    return panels


def dashboard(uid, title, description, variables, panels):
    """A whole dashboard, with links to the others."""
    others = {
        "type": "dashboards",
        "title": "halfpipe",
        "tags": ["halfpipe"],
        "asDropdown": False,
        "keepTime": True,
    }
    source = _variable("datasource", "datasource", "Prometheus")
    source["query"] = "prometheus"
    return {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": ["halfpipe"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "links": [others],
        "annotations": {"list": []},
        "templating": {"list": [source] + variables},
        "panels": _lay_out(panels),
    }

#!/usr/bin/env python3
"""Exercises the page of one job in Chromium: hover, zoom, smoothing, keys, a
phone, the dark, and what is done to a job by clicks.

Usage: page_browser.py CHROMIUM URL PICTURES [--mock] [FLAG...]

URL opens the page of a job that trains, with a ticket. With --mock it is the
page of tests/coordinator/page/mock, whose job has 100,000 steps. FLAGs are
Chromium's.
"""

import pathlib
import sys
import tempfile

from browser import Browser, Failure

CHECKS = pathlib.Path(__file__).with_name("page_checks.js").read_text()
SHOWN = ("document.querySelector('#job:not([hidden]) .dygraph-axis-label')"
         " !== null")


def check(condition, text):
    if not condition:
        raise Failure(text)


def redraw_ms(page):
    return float(page.ask(
        "document.getElementById('chart-loss').dataset.redrawMs"))


def check_looks(page, name):
    """Whoever sees little, or hears the page, can use it."""
    low = page.ask(f"(() => {{ {CHECKS}; return lowContrast(); }})()")
    check(not low, f"{name}: too little contrast: {low}")
    wide = page.ask(f"(() => {{ {CHECKS}; return tooWide(); }})()")
    check(not wide, f"{name}: wider than the screen: {wide}")
    check(not page.nameless(), f"{name}: without a name: {page.nameless()}")


def check_hover(page):
    before = page.text("#readout")
    check("smoothed" in before and "gradient norm" in before and
          "learning rate" in before, f"no values: {before}")
    page.hover("#chart-loss", 0.3, 0.5)
    page.wait("curves.at !== null")
    at_left = page.text("#readout")
    check(at_left != before, "pointing at the chart changes nothing")
    page.hover("#chart-loss", 0.8, 0.5)
    page.wait(f"document.getElementById('readout').textContent !== "
              f"{at_left!r}")
    page.hover("h1")
    page.wait("curves.at === null")


def check_zoom(page):
    page.drag("#chart-loss", 0.4, 0.6)
    page.wait("curves.shown !== null")
    first, last, all_steps = page.ask("[...curves.shown, allSteps()[1]]")
    check(0 < first < last < all_steps, f"zoomed to {first} to {last}")
    # What is in sight comes anew, and what the smoothing looks back on.
    page.wait(f"curves.own.points[0][STEP] >= {first} - 5 * smoothingWindow()"
              f" - 1 && curves.own.points.at(-1)[STEP] <= {last} + 1")
    # All charts show the same steps.
    shown = page.ask("Object.values(charts).filter((c) => c.graph)"
                     ".map((c) => c.graph.xAxisRange().map(Math.round))")
    check(all(one == shown[0] for one in shown), f"charts differ: {shown}")
    page.click("#chart-loss", 0.5, 0.5, times=2)
    page.wait("curves.shown === null")
    page.click("[data-last='500']")
    page.wait("document.querySelector(\"[data-last='500']\")"
              ".getAttribute('aria-pressed') === 'true'")
    page.click("#show-all")
    page.wait("curves.shown === null && curves.last === null")


def check_smoothing(page):
    page.focus("#smoothing")
    page.press("End")
    page.wait("smoothingWindow() === 10000")
    check("10" in page.text("#smoothing-value"), "the slider says nothing")
    little, much, drawn = page.ask(
        "[smooth(curves.own.points, 2), smooth(curves.own.points, 10000),"
        " charts.loss.rows.filter((row) => row[2]).map((row) => row[2][1])]")
    check(drawn == much, "the slider changes nothing")
    check(abs(much[0] - little[0]) < 1e-9,
          "smoothing does not start at the first loss")
    spread = [max(values) - min(values) for values in (little, much)]
    check(spread[1] < spread[0], f"smoothing is none: {spread}")
    page.ask("byId('smoothing').value = 25,"
             "byId('smoothing').dispatchEvent(new Event('input'))")


def check_keys(page):
    page.focus("#chart-loss")
    page.press("ArrowLeft")
    page.wait("curves.at !== null")
    at = page.ask("curves.at")
    page.press("ArrowLeft", shift=True)
    page.wait(f"curves.at < {at}")
    check(page.ask("byId('readout').getAttribute('aria-live')") == "polite",
          "values are not read out")
    page.press("+")
    page.wait("curves.shown !== null")
    page.press("Escape")
    page.wait("curves.shown === null")
    # Every control can be reached, and shows that it was.
    page.ask("document.activeElement.blur()")
    reached = set()
    for _ in range(60):
        page.press("Tab")
        reached.add(page.ask(
            "document.activeElement.id || document.activeElement.tagName"))
    missing = {"smoothing", "show-all", "log-scale", "chart-loss", "chart-grad",
               "timeline", "log-lines"} - reached
    check(not missing, f"not reached by Tab: {missing}")


def check_memory(page):
    """By kind, used beside planned, as bars and in words."""
    table = page.text("#memory .kinds")
    for word in ("used", "planned", "weights", "LoRA", "optimizer",
                 "activations", "workspace", "together", "free"):
        check(word in table, f"no {word} in the memory: {table}")
    check("13.6 GiB" in table and "21.9 GiB of 24.0 GiB" in table and
          "21.4 GiB of 23.0 GiB" in table, f"no figures: {table}")
    check("512 MiB more than was planned" in page.text("#memory"),
          "it is not compared with the plan")
    # Both bars are shares of the device, each part from the left.
    widths = page.ask("[...document.querySelectorAll("
                      "'#memory .row:first-child .stack')].map((stack) =>"
                      " [...stack.querySelectorAll('rect')].map((rect) =>"
                      " Number(rect.getAttribute('width'))))")
    check([len(one) for one in widths] == [5, 5] and
          abs(widths[0][0] - 100 * 21.9 / 24) < 0.1 and
          abs(widths[1][0] - 100 * 21.4 / 24) < 0.1 and
          abs(widths[0][-1] - 100 * 13.6 / 24) < 0.1, f"bars: {widths}")


def check_redraw(page):
    """What a refresh brings is drawn quickly, and nothing twice."""
    # The quickest: what else this machine does meanwhile is not the page's.
    redraws = []
    for i in range(8):
        # As with one more step: the last row of each curve is another one.
        page.ask("curves.own = {...curves.own, points: curves.own.points.map("
                 "(p, row, all) => row + 1 < all.length ? [...p] : p.map("
                 "(value, at) => at <= STEPS ? value :"
                 f" value * {1 + (i + 1) * 1e-6}))}},"
                 "drawCurves()")
        redraws.append(redraw_ms(page))
    check(min(redraws) < 100, f"redraws took {redraws} ms")
    drawn = page.ask(
        "(() => { let drawn = 0;"
        " const graph = charts.loss.graph, was = graph.updateOptions;"
        " graph.updateOptions = function(...a) {"
        "   ++drawn; return was.apply(this, a); };"
        " drawCurves(); drawCurves(); delete graph.updateOptions;"
        " return drawn; })()")
    check(drawn == 0, f"what is there was drawn again {drawn} times")
    return redraws


def check_parts(page, mock):
    memory = page.text("#memory")
    check("GiB" in memory or "no GPU memory to show" in memory,
          f"no memory: {memory}")
    page.wait("document.querySelectorAll('#log-lines .line').length > 0")
    page.wait("document.querySelectorAll('#file-list .path').length > 0")
    page.click("#settings summary")
    page.wait("byId('settings-text').textContent.includes('lora')")
    check(page.ask("document.querySelector('#owned, #log-lines img')") is None,
          "text became markup")
    state = page.text("#job-state .state")
    check(state in ("running", "saving"), f"the state is {state}")
    if not mock:
        return
    check("memory plan" in page.text("#plan"), "no plan")
    check_memory(page)
    check(not page.ask("byId('validation').hidden"), "no validation")
    check("t 900" in page.text("#validation-legend"), "no bands")
    page.click("#compare summary")
    page.wait("document.querySelectorAll('#compare-jobs input').length > 0")
    page.click("#compare-jobs input")
    page.wait("charts.loss.graph.getLabels().length === 4")
    check("Cats, rank 8" in page.text("#readout"), "the other has no values")


def confirm(page, action, answer):
    page.click(f"[data-action='{action}']")
    page.wait("byId('confirm').open")
    check(page.ask("byId('confirm').contains(document.activeElement)"),
          "the question has not the focus")
    if answer == "Escape":
        page.press("Escape")
    else:
        page.click(f"#confirm-{answer}")
    page.wait("!byId('confirm').open")


def check_actions(page):
    """Last: the job ends by it."""
    state = "document.querySelector('#job-state .state').textContent"
    confirm(page, "pause", "Escape")
    confirm(page, "pause", "no")
    check(page.ask(state) in ("running", "saving"), "no is taken for yes")
    confirm(page, "pause", "yes")
    page.wait(f"{state} === 'paused'")
    page.wait("document.querySelector(\"[data-action='cancel']\") !== null")
    confirm(page, "cancel", "yes")
    page.wait(f"/cancel/.test({state})")


def exercise(page, url, pictures, mock):
    page.look(1100, 900)
    page.open(url)
    page.wait(SHOWN)
    page.wait("charts.loss.rows.length > 3")
    page.picture(pictures / "desk.png")
    check_looks(page, "desk")
    check_hover(page)
    check_zoom(page)
    check_smoothing(page)
    check_keys(page)
    check_parts(page, mock)
    redraws = check_redraw(page)
    page.picture(pictures / "used.png")
    page.look(1100, 900, dark=True)
    page.wait("matchMedia('(prefers-color-scheme: dark)').matches")
    check_looks(page, "dark")
    page.picture(pictures / "dark.png")
    page.look(390, 844, mobile=True)
    page.ask("scrollTo(0, 0), dispatchEvent(new Event('resize'))")
    page.wait("innerWidth === 390")
    check_looks(page, "phone")
    check(not page.ask("byId('timeline-hint').hidden"),
          "nothing says that the timeline goes on")
    page.picture(pictures / "phone.png")
    page.look(1100, 900)
    shift = page.ask(f"(() => {{ {CHECKS}; return layoutShift(); }})()")
    check(shift < 0.1, f"things move by themselves: {shift}")
    print(f"redraws {redraws} ms, layout shift {shift:.3f}")
    check_actions(page)
    check(not page.problems, f"the browser reports: {page.problems}")


def main(arguments):
    mock = "--mock" in arguments
    program, url, pictures, *flags = [a for a in arguments if a != "--mock"]
    pictures = pathlib.Path(pictures)
    pictures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        with Browser(program, f"{scratch}/profile", flags) as page:
            try:
                exercise(page, url, pictures, mock)
            except Failure as failure:
                page.picture(pictures / "failed.png")
                sys.exit(f"FAILED: {failure}; {page.problems}")


if __name__ == "__main__":
    main(sys.argv[1:])

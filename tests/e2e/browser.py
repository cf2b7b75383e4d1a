"""A headless Chromium, driven through its DevTools protocol over two pipes.

Useful for: tests that click, type, hover and look. Nothing but Python's own
library is needed.
"""

import base64
import json
import os
import pathlib
import select
import subprocess
import time

# Seconds, for whatever is waited for; a busy machine takes its time.
PATIENCE = float(os.environ.get("HP_PATIENCE", "60"))


class Failure(Exception):
    """What was expected of the page is not so."""


class Browser:
    """One page. `profile` is a folder of its own; `flags` are Chromium's."""

    def __init__(self, program, profile, flags=()):
        read_ours, write_theirs = os.pipe()
        read_theirs, write_ours = os.pipe()

        def give_pipes():  # the protocol's are 3 and 4
            for fd, place in ((os.dup(read_theirs), 3),
                              (os.dup(write_theirs), 4)):
                os.dup2(fd, place)

        self._log = open(f"{profile}.log", "wb")
        self._process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu",
             "--hide-scrollbars", "--remote-debugging-pipe",
             "--force-color-profile=srgb", f"--user-data-dir={profile}",
             *flags, "about:blank"],
            pass_fds=(3, 4), preexec_fn=give_pipes, stdout=self._log,
            stderr=self._log)
        os.close(read_theirs)
        os.close(write_theirs)
        self._in, self._out = read_ours, write_ours
        self._buffer = b""
        self._next = 0
        self._session = None
        self.problems = []  # what the page reported: errors, the policy's
        self._attach()

    def close(self):
        self._process.kill()
        self._process.wait()
        self._log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.close()

    # --- the protocol

    def call(self, method, **parameters):
        """Answers with the result of a command of the DevTools protocol."""
        self._next += 1
        message = {"id": self._next, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = self._receive(deadline)
            if answer.get("id") == self._next:
                if "error" in answer:
                    raise Failure(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self._note(answer)

    def _receive(self, deadline):
        while b"\0" not in self._buffer:
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self._in], [], [], max(0.0, left))
            if not ready:
                raise Failure("Chromium does not answer")
            piece = os.read(self._in, 1 << 16)
            if not piece:
                raise Failure("Chromium has ended")
            self._buffer += piece
        message, self._buffer = self._buffer.split(b"\0", 1)
        return json.loads(message)

    def _note(self, event):
        method, params = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.problems.append(details.get("exception", {}).get(
                "description", details["text"]))
        if method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.problems.append(params["entry"]["text"])
        if method == "Runtime.consoleAPICalled" and params["type"] == "error":
            self.problems.append(str(params["args"]))

    def _attach(self):
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(t for t in targets if t["type"] == "page")
        self._session = self.call("Target.attachToTarget", flatten=True,
                                  targetId=page["targetId"])["sessionId"]
        for domain in ("Page", "Runtime", "Log", "DOM", "Accessibility"):
            self.call(f"{domain}.enable")

    # --- what a test says

    def look(self, width, height, *, mobile=False, dark=False):
        """A screen of that size."""
        self.call("Emulation.setDeviceMetricsOverride", width=width,
                  height=height, deviceScaleFactor=2 if mobile else 1,
                  mobile=mobile)
        self.call("Emulation.setTouchEmulationEnabled", enabled=mobile)
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme",
             "value": "dark" if dark else "light"}])

    def open(self, url):
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'")

    def ask(self, expression):
        """The value of an expression of the page's; of a promise, its result."""
        answer = self.call("Runtime.evaluate", expression=expression,
                           returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise Failure(f"{expression}: {answer['exceptionDetails']['text']}")
        return answer["result"].get("value")

    def wait(self, expression):
        deadline = time.monotonic() + PATIENCE
        while not self.ask(expression):
            if time.monotonic() > deadline:
                raise Failure(f"is never true: {expression}")
            time.sleep(0.05)

    def place(self, selector, x=0.5, y=0.5):
        """A point of an element, as shares of its size, scrolled into view."""
        quoted = json.dumps(selector)
        self.ask(f"document.querySelector({quoted})"
                 ".scrollIntoView({block: 'center', behavior: 'instant'})")
        box = self.ask(
            f"(({{x, y, width, height}}) => [x, y, width, height])"
            f"(document.querySelector({quoted}).getBoundingClientRect())")
        return box[0] + x * box[2], box[1] + y * box[3]

    def mouse(self, kind, point, **more):
        self.call("Input.dispatchMouseEvent", type=kind, x=point[0],
                  y=point[1], **more)

    def hover(self, selector, x=0.5, y=0.5):
        self.mouse("mouseMoved", self.place(selector, x, y))

    def click(self, selector, x=0.5, y=0.5, times=1):
        point = self.place(selector, x, y)
        self.mouse("mouseMoved", point)
        for count in range(1, times + 1):
            for kind in ("mousePressed", "mouseReleased"):
                self.mouse(kind, point, button="left", clickCount=count)

    def drag(self, selector, start, end):
        """From one share of the width to another, along the middle."""
        first = self.place(selector, start)
        last = self.place(selector, end)
        self.mouse("mouseMoved", first)
        self.mouse("mousePressed", first, button="left", clickCount=1)
        for i in range(1, 6):
            point = (first[0] + (last[0] - first[0]) * i / 5, first[1])
            self.mouse("mouseMoved", point, button="left", buttons=1)
        self.mouse("mouseReleased", (last[0], first[1]), button="left",
                   clickCount=1)

    def press(self, key, *, shift=False):
        code = {"+": "Equal", "-": "Minus"}.get(key, key)
        text = {"text": "\r"} if key == "Enter" else {}
        numbers = {"Enter": 13, "Tab": 9, "Escape": 27, "End": 35, "Home": 36,
                   "ArrowLeft": 37, "ArrowRight": 39}
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=code,
                      modifiers=8 if shift else 0,
                      windowsVirtualKeyCode=numbers.get(key, 0),
                      **(text if kind == "keyDown" else {}))

    def focus(self, selector):
        self.ask(f"document.querySelector({json.dumps(selector)}).focus()")

    def text(self, selector):
        return self.ask(
            f"document.querySelector({json.dumps(selector)}).textContent")

    def picture(self, path):
        """The whole page, as PNG."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        shot = self.call("Page.captureScreenshot", format="png",
                         captureBeyondViewport=True,
                         clip={"x": 0, "y": 0, "width": size["width"],
                               "height": size["height"], "scale": 1})
        pathlib.Path(path).write_bytes(base64.b64decode(shot["data"]))

    def nameless(self):
        """Roles of what can be used, and has no name for a screen reader."""
        roles = {"button", "link", "textbox", "checkbox", "slider", "image",
                 "img", "progressbar", "dialog", "region", "group"}
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return [node["role"]["value"] for node in nodes
                if not node.get("ignored")
                and node.get("role", {}).get("value") in roles - {"group"}
                and not node.get("name", {}).get("value")]

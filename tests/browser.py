"""A browser without a window, which opens a page and says what its console has."""

from __future__ import annotations

import functools
import http.server
import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
# in a frame of any width, which a window without a screen may not have
FRAME = """<!doctype html><title>waits</title>
<iframe src="{page}" style="width: {width}px; height: 900px; border: 0"></iframe>
<script>
  const frame = document.querySelector("iframe");
  frame.onload = () => {{
    const page = frame.contentDocument, root = page.documentElement;
    root.dataset.mode = root.dataset.theme = "{theme}";
    const light = (color) => {{
      const parts = color.match(/[0-9.]+/g).slice(0, 3).map((part) => part / 255);
      const line = parts.map((x) => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4));
      return 0.2126 * line[0] + 0.7152 * line[1] + 0.0722 * line[2];
    }};
    const style = (element) => frame.contentWindow.getComputedStyle(element);
    const text = light(style(page.querySelector("article p, main p")).color);
    const ground = light(style(page.body).backgroundColor);
    const contrast = (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
    document.title = JSON.stringify({{width: root.scrollWidth, contrast, dark: ground < 0.2}});
  }};
</script>"""


def opened(url: str, *options: str) -> tuple[str, list[str]]:
    """Open a page; its elements once its scripts have run, and the lines of its console."""
    if BROWSER is None:
        pytest.skip(f"none of {', '.join(BROWSERS)} is installed")
    command = [
        *(BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"),
        *("--virtual-time-budget=3000", *options, "--dump-dom", url),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def in_a_frame(url: str, width: int, theme: str = "light") -> dict[str, Any]:
    """Open a page in a frame; its width, the contrast of its text, and whether it is dark."""
    dom, _ = opened(f"{url}?frame={width},{theme}", "--window-size=1400,1000")
    return json.loads(re.search("<title>(.*?)</title>", dom)[1])


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder to the browsers of this machine; the address."""
    handler = functools.partial(_Handler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class _Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        name, _, query = self.path.partition("?frame=")
        if not query:
            return super().do_GET()
        width, theme = query.split(",")
        text = FRAME.format(page=name, width=width, theme=theme).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args):
        pass

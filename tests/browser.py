"""A real headless browser that can reach nothing; skipped where there is none, unless SFTCTL_REQUIRE_BROWSER is set."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def browser_page(**context_options) -> Iterator[Page]:
    """A blank page of a new browser; `requests` beyond files and data are collected in `page.fetched`."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        if os.environ.get("SFTCTL_REQUIRE_BROWSER"):
            pytest.fail("SFTCTL_REQUIRE_BROWSER is set and there is no Chromium")
        pytest.skip("no Chromium")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=executable, headless=True, args=FLAGS)
        page = browser.new_context(**context_options).new_page()
        page.fetched = []
        page.on("request", lambda request: page.fetched.append(request.url))
        try:
            yield page
        finally:
            browser.close()

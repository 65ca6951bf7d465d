"""A browser for tests: one that shows nothing, and reads and writes only what is in its profile."""
import contextlib
import shutil
import subprocess

MISSING = "SKIPPED: no browser is installed (scripts/bootstrap browser installs Chromium)"


def find():
    """Returns the path of a browser, or None."""
    return next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)


@contextlib.contextmanager
def showing(browser, profile, url):
    """Shows a page in a new process of the browser, and ends the process."""
    process = subprocess.Popen([browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage",
                                f"--user-data-dir={profile}", "--remote-debugging-port=0", url],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()  # the browser writes what pages store to its profile when it ends
        process.wait(60)

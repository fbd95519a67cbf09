"""The report as its reader meets it: in a browser, without a network."""

from __future__ import annotations

import json
import re
import shutil
from zipfile import ZipFile

import pandas as pd
import pytest
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

import footage

pytestmark = pytest.mark.workflow
CATEGORIES = {"Accuracy", "Every number", "Method and N", "Motion", "Protocol", "Summary"}
TARGET = "all results/pages/folds.html results/pages/own.video.html"
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--window-size=1600,1200"),
)
PATIENCE_S = 60  # on a machine that does other work too
CELLS = """
return [...document.querySelectorAll("td[data-n]")].map(cell => [
    cell.dataset.method, cell.dataset.class, cell.dataset.n, cell.firstChild.textContent,
    cell.querySelector("small").textContent, cell.checkVisibility()])
"""


@pytest.fixture(scope="module")
def reported(finished, tmp_path_factory):
    """Return a finished project with both forms of the report. Do not change it."""
    project = finished.copy(tmp_path_factory.mktemp("reported") / "project")
    frames = [footage.texture()] * 5
    footage.write_video(project.folder / "results/own.mp4", frames, options={})
    project.finish(target=TARGET)
    for name in ("report.html", "report.zip"):
        done = project.run("--report", f"results/{name}", target=TARGET)
        assert done.returncode == 0, done.stdout + done.stderr
    return project


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Chromium without a window, and with a profile of its own."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("needs Debian's packages chromium and chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(executable_path=driver)
    window = webdriver.Chrome(options=options, service=service)
    yield window
    window.quit()


@pytest.fixture(params=["html", "zip"])
def report(request, browser, reported, tmp_path):
    """Open one form of the report; afterwards nothing was fetched and no script had failed."""
    path = reported.folder / "results/report.html"
    if request.param == "zip":
        ZipFile(path.with_suffix(".zip")).extractall(tmp_path)
        path = tmp_path / "report/report.html"
    browser.get(path.as_uri())
    yield browser
    browser.switch_to.default_content()
    errors = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert errors == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [e["params"]["request"]["url"] for e in events if e["method"].endswith("WillBeSent")]
    # Chromium's own first tab is made of chrome: addresses.
    assert {url.split(":")[0] for url in asked} <= {"file", "data", "blob", "chrome"}, asked


def click(browser, xpath: str) -> None:
    """Click on what is there, once it holds still and nothing lies over it."""

    def clicked(browser) -> bool:
        browser.find_element(By.XPATH, xpath).click()
        return True

    WebDriverWait(browser, PATIENCE_S, ignored_exceptions=[WebDriverException]).until(clicked)


def choose(browser, category: str, label: str) -> None:
    """Open the page with this label."""
    entry = f"//a[span[text()='{category}']]"
    button = f"//tr[td[text()='{label}']]//a[@type='button']"

    def opened(browser) -> list:
        frames = browser.find_elements(By.TAG_NAME, "iframe")
        if not frames:
            # A click on what still slides into its place is lost, and is repeated.
            buttons = browser.find_elements(By.XPATH, button)
            for element in buttons or browser.find_elements(By.XPATH, entry):
                element.click()
        return frames

    wait = WebDriverWait(browser, PATIENCE_S, 1, ignored_exceptions=[WebDriverException])
    browser.switch_to.frame(wait.until(opened)[0])


def test_the_numbers_on_the_page_are_those_of_the_table(report, reported):
    assert {entry.text for entry in report.find_elements(By.TAG_NAME, "a")} >= CATEGORIES
    assert "SYNTHETIC DATA" in report.find_element(By.TAG_NAME, "body").text
    table = pd.read_csv(reported.folder / "results/table.csv", dtype=str, keep_default_na=False)
    choose(report, "Accuracy", "accuracy against N")
    shown = {tuple(cell[:3]): tuple(cell[3:5]) for cell in report.execute_script(CELLS)}
    assert shown == {
        (row["method"], row["class"], n): (
            row[f"n_{n}"],
            f"{row[f'n_{n}_low']}-{row[f'n_{n}_high']}",
        )
        for _, row in table.iterrows()
        for n in ("7", "9")
    }
    assert "SYNTHETIC DATA" in report.find_element(By.TAG_NAME, "body").text


@pytest.mark.parametrize("report", ["zip"], indirect=True)
def test_boxes_hide_methods_and_columns_of_n(report):
    choose(report, "Accuracy", "accuracy against N")
    click(report, "//label[normalize-space()='PMM (phase)']")
    click(report, "//label[normalize-space()='9']")
    visible = {tuple(cell[:3]) for cell in report.execute_script(CELLS) if cell[5]}
    assert {method for method, _, _ in visible} == {"none", "majority"}
    assert {n for _, _, n in visible} == {"7"}


@pytest.mark.parametrize("report", ["zip"], indirect=True)
@pytest.mark.parametrize(
    ("category", "label", "expected"),
    [
        ("Summary", "1 summary", "What it does not show"),
        ("Summary", "2 configuration, versions, checksums", "smoothing_px"),
        ("Method and N", "pmm", "PMM (phase), N = 7"),
        ("Tables to read", "folds", "s1_ne_01"),
    ],
)
def test_each_page_opens(report, category, label, expected):
    choose(report, category, label)
    assert expected in report.find_element(By.TAG_NAME, "body").text


def test_a_video_plays_in_the_report(report):
    choose(report, "Motion", "video, to watch")
    video = report.find_element(By.TAG_NAME, "video")
    WebDriverWait(report, PATIENCE_S).until(lambda b: video.get_property("readyState") >= 2)
    assert video.get_property("videoWidth") == 128


def test_n_is_sorted_as_a_number_in_lists_of_figures_and_pages(reported):
    """The report sorts labels as text, in which 10 comes before 7."""
    page = (reported.folder / "results/report.html").read_text(encoding="utf-8")
    labels = set(re.findall(r'"N": ?"([ 0-9]+)"', page))
    assert {int(label) for label in labels} == {7, 9}
    assert max(labels | {"10"}) == "10"


def test_the_report_is_beside_the_table(finished):
    planned = finished.planned(target="all results/pages/folds.html")
    assert planned == {"summary": 1, "pages": 1, "page": 1}

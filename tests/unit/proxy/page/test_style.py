"""The live page's style sheet: readable in light and dark, nothing loaded from elsewhere."""

import re
from itertools import product

import pytest

from thriftgate.proxy.page import rendering

CSS = rendering.static_file("page.css").decode()
AA_TEXT = 4.5
AA_MARKS = 3.0

TEXT = [
    *product(("text", "muted", "accent", "bad"), ("surface", "ground")),
    *product(("text", "muted"), ("sunk",)),
    ("on-accent", "accent"),
    ("accent", "accent-soft"),
    ("warn", "warn-soft"),
    ("bad", "bad-soft"),
]
"""Colours of text, and what they stand on."""
MARKS = [
    *product(("accent", "accent-mid", "grey", "bad", "warn", "edge"), ("surface",)),
    ("accent", "ground"),
    ("edge", "sunk"),
    ("accent", "accent-soft"),
    ("warn", "accent-soft"),
    ("bad", "accent-soft"),
]
"""Colours of lines, dots and borders of controls that mean something, and what they stand on."""


def palettes() -> dict[str, dict[str, str]]:
    """The custom properties of the light and of the dark page."""
    blocks = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)
    assert len(blocks) == 2
    light, dark = (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block)) for block in blocks)
    assert set(light) == set(dark), "every colour has its counterpart"
    return {"light": light, "dark": dark}


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    darker, lighter = sorted((luminance(first), luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_measured_as_the_guidelines_do() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), TEXT)
def test_text_stands_out_from_its_ground(scheme: str, text: str, ground: str) -> None:
    palette = palettes()[scheme]
    assert contrast(palette[text], palette[ground]) >= AA_TEXT


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("mark", "ground"), MARKS)
def test_marks_stand_out_from_their_ground(scheme: str, mark: str, ground: str) -> None:
    palette = palettes()[scheme]
    assert contrast(palette[mark], palette[ground]) >= AA_MARKS


def test_every_colour_comes_from_the_palette_and_exists() -> None:
    rules = re.sub(r":root \{.*?\}", "", CSS, flags=re.DOTALL)
    assert not re.findall(r"#[0-9a-fA-F]{3,8}\b|rgb|hsl", rules)
    assert set(re.findall(r"var\(--([a-z-]+)\)", rules)) <= set(palettes()["light"])


def test_nothing_is_loaded_from_anywhere_else() -> None:
    for name in rendering.STATIC:
        text = rendering.static_file(name).decode().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"url\(|@import|https?:|//", text)


def test_keyboards_colours_and_motion_are_cared_for() -> None:
    assert ":focus-visible" in CSS
    assert "outline: none" not in CSS.replace("main:focus { outline: none; }", "")
    for feature in ("prefers-color-scheme: dark", "prefers-reduced-motion", "forced-colors"):
        assert feature in CSS
    moving = re.findall(
        r"(?:transition|animation):", re.sub(r"@media \(prefers-reduced-motion.*?\n\}", "", CSS, flags=re.DOTALL)
    )
    assert not moving, "what moves does so only for who did not ask for less motion"

"""What of a page a learner could not read or reach: what axe-core finds, faint text, what is scrolled sideways."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page

LEAST_CONTRAST = 4.5  # W3C, Web Content Accessibility Guidelines 2.1, success criterion 1.4.3

# Code wears the theme's own colours: JupyterLab's dark comments have a contrast of 4.2.
# A canvas turns every notation of a colour into four bytes. The text of a figure lies on bars and images too, and no
# theme may change it: `ground_and_colors` looks at figures.
_FAINT = """(region, least) => {
    const canvas = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
    const bytes = color => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = color;
        canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const over = ([r, g, b, a], below) => [r, g, b].map((c, i) => (c * a + below[i] * (255 - a)) / 255);
    const ground = element => {
        if (!element) return [255, 255, 255];
        const color = bytes(getComputedStyle(element).backgroundColor);
        return color[3] === 255 ? color.slice(0, 3) : over(color, ground(element.parentElement));
    };
    const linear = c => c <= 0.04045 * 255 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4;
    const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    const contrast = (one, other) => {
        const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
        return (high + 0.05) / (low + 0.05);
    };
    const faint = new Set();
    const texts = document.createTreeWalker(region, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const text = texts.currentNode, element = text.parentElement;
        if (!text.data.trim() || element.closest('svg, style, script, code')) continue;
        if (!element.checkVisibility()) continue;
        const below = ground(element), ink = over(bytes(getComputedStyle(element).color), below);
        const found = contrast(ink, below);
        if (found < least) faint.add(`${found.toFixed(1)} rgb(${ink.map(Math.round)}) on rgb(${below}): ${text.data}`);
    }
    return [...faint];
}"""

_SIDEWAYS = """region => [region, ...region.querySelectorAll('*')]
    .filter(e => e.scrollWidth > e.clientWidth && ['auto', 'scroll'].includes(getComputedStyle(e).overflowX))
    .map(e => `${e.className || e.tagName}, ${e.scrollWidth} px in ${e.clientWidth}: ${e.textContent.slice(0, 60)}`)"""

_GROUND_AND_COLORS = """figure => [figure, ...figure.querySelectorAll('*')].map(element => {
    const {backgroundColor, fill, stroke, opacity, filter} = getComputedStyle(element);
    return [backgroundColor, fill, stroke, opacity, filter].join(' | ');
})"""

_CORNER = """picture => {
    const canvas = new OffscreenCanvas(1, 1).getContext('2d');
    canvas.drawImage(picture, 0, 0);
    return [...canvas.getImageData(0, 0, 1, 1).data];
}"""


def faults(page: Page, within: str | None = None) -> list[str]:
    """Return what axe-core finds without colours that fade in, each with the first element that has it.

    Parameters
    ----------
    page : Page
    within : str, optional
        A CSS selector of the parts to look at; all of the page without it.
    """
    still = page.add_style_tag(content="*, ::before, ::after { transition: none !important }")
    found = Axe().run(page, within).response["violations"]
    still.evaluate("style => style.remove()")
    return [f"{fault['id']}: {fault['nodes'][0]['html'][:200]}" for fault in found]


def faint_texts(region: Locator) -> list[str]:
    """Return the visible texts, outside of figures, whose contrast to their ground is too low."""
    return list(region.evaluate(_FAINT, LEAST_CONTRAST))


def scrolled_sideways(region: Locator) -> list[str]:
    """Return what has a horizontal scroll bar, the region itself included."""
    return list(region.evaluate(_SIDEWAYS))


def ground_and_colors(figure: Locator) -> list[str]:
    """Return the computed colours of an SVG and all that it holds; the first begins with its ground."""
    return list(figure.evaluate(_GROUND_AND_COLORS))


def corner(picture: Locator) -> list[int]:
    """Return the red, green, blue and alpha, 0 to 255, of a picture's first pixel."""
    return list(picture.evaluate(_CORNER))

"""Checks the page that --explain=html writes.

    page.py [--browser CHROMIUM] WORK PAGE...

Without a browser: it loads nothing, its tags close, its ids are unique and what
refers to one finds it. With one, in light and in dark: texts fit their boxes,
boxes don't overlap, only drawings scroll sideways, and every text has 4.5 times
the contrast of its ground (WCAG 2, AA).
"""
import argparse
import html.parser
import json
import os
import re
import subprocess
import sys

VOID = {"meta", "link", "br", "img", "hr", "input"}

# Runs in a copy of the page and leaves what it finds in an attribute.
MEASURE = r"""
<script>
const found = [];
for (const node of document.querySelectorAll("svg .node")) {
  const box = node.querySelector("rect").getBBox();
  for (const text of node.querySelectorAll("text")) {
    const b = text.getBBox();
    if (b.x < box.x || b.x + b.width > box.x + box.width || b.y < box.y ||
        b.y + b.height > box.y + box.height)
      found.push("text sticks out of its box: " + text.textContent);
  }
}
for (const svg of document.querySelectorAll("svg")) {
  const boxes = [...svg.querySelectorAll(".node > rect")].map(r => r.getBBox());
  boxes.forEach((a, i) => boxes.slice(0, i).forEach(b => {
    if (a.x < b.x + b.width && b.x < a.x + a.width &&
        a.y < b.y + b.height && b.y < a.y + a.height)
      found.push("boxes overlap in " + svg.querySelector("title").textContent);
  }));
  const view = svg.viewBox.baseVal;
  for (const text of svg.querySelectorAll("text")) {
    const at = text.getBoundingClientRect(), all = svg.getBoundingClientRect();
    if (at.left < all.left - 1 || at.right > all.right + 1 ||
        at.top < all.top - 1 || at.bottom > all.bottom + 1)
      found.push("text leaves the drawing: " + text.textContent);
  }
}
if (document.documentElement.scrollWidth > document.documentElement.clientWidth)
  found.push("the page scrolls sideways");
const parse = c => c.match(/[\d.]+/g).map(Number);
const luminance = c => parse(c).slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const contrast = (a, b) => {
  const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p);
  return (x + 0.05) / (y + 0.05);
};
const ground = element => {
  const color = getComputedStyle(element).backgroundColor;
  return parse(color)[3] === 0 ? ground(element.parentElement) : color;
};
const check = (element, color, behind) => {
  if (element.closest(".dead")) return;
  const ratio = contrast(color, behind);
  if (ratio < 4.5)
    found.push("contrast " + ratio.toFixed(2) + ": " + element.textContent);
};
for (const element of document.querySelectorAll(
    "p, li, td, th, pre, code, h1, h2, h3, h4, dt, dd, a, span, caption"))
  if (element.textContent.trim())
    check(element, getComputedStyle(element).color, ground(element));
for (const text of document.querySelectorAll("svg text")) {
  const box = text.parentElement.querySelector(":scope > rect");
  const behind = box && text.closest(".node")
      ? getComputedStyle(box).fill
      : getComputedStyle(document.querySelector(".band0") || document.body)
            [document.querySelector(".band0") ? "fill" : "backgroundColor"];
  check(text, getComputedStyle(text).fill, behind);
}
document.body.setAttribute("data-found", JSON.stringify(
    {found, dark: matchMedia("(prefers-color-scheme: dark)").matches,
     nodes: document.querySelectorAll("svg .node").length}));
</script>
"""


class Reader(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.ids, self.references, self.mistakes = [], [], [], []
        self.levels = []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        if tag in {"script", "link", "img", "iframe", "object", "embed"}:
            self.mistakes.append(f"<{tag}> loads something")
        for name, value in attrs.items():
            if name in {"src", "href"} and not value.startswith("#"):
                self.mistakes.append(f"{name}={value} leads out of the page")
        if "id" in attrs:
            self.ids.append(attrs["id"])
        self.references += [value[1:] for name, value in attrs.items()
                            if name == "href" and value.startswith("#")]
        for name in ["aria-labelledby", "aria-describedby"]:
            self.references += attrs.get(name, "").split()
        for value in attrs.values():
            self.references += re.findall(r"url\(#([^)]*)\)", value or "")
        if re.fullmatch("h[1-6]", tag):
            self.levels.append(int(tag[1]))

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.mistakes.append(f"</{tag}> closes nothing")


def check_text(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    reader = Reader()
    reader.feed(text)
    mistakes = list(reader.mistakes)
    mistakes += [f"<{tag}> is left open" for tag in reader.open]
    mistakes += [f"id {name} is used twice" for name in set(reader.ids)
                 if reader.ids.count(name) > 1]
    mistakes += [f"nothing has the id {name}" for name in reader.references
                 if name not in reader.ids]
    mistakes += [f"a heading of level {b} follows one of level {a}"
                 for a, b in zip(reader.levels, reader.levels[1:]) if b > a + 1]
    if "@import" in text or re.search(r"url\((?!#)", text):
        mistakes.append("the style loads something")
    return text, mistakes


def measure(browser, text, work, scheme):
    path = os.path.join(work, "measured.html")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace("</body>", MEASURE + "</body>"))
    result = subprocess.run(
        [browser, "--headless=new", "--no-sandbox", "--disable-gpu",
         f"--user-data-dir={work}/profile", "--window-size=1000,900",
         f"--blink-settings=preferredColorScheme={scheme}", "--dump-dom",
         "file://" + os.path.abspath(path)],
        capture_output=True, text=True, timeout=120)
    found = re.search(r'data-found="([^"]*)"', result.stdout)
    if not found:
        sys.exit(f"the browser says nothing: {result.stderr[-2000:]}")
    return json.loads(html.unescape(found.group(1)))


parser = argparse.ArgumentParser()
parser.add_argument("--browser")
parser.add_argument("work")
parser.add_argument("pages", nargs="+")
options = parser.parse_args()
os.makedirs(options.work, exist_ok=True)
failed = False
for page in options.pages:
    text, mistakes = check_text(page)
    if options.browser:
        dark = []
        for scheme in [0, 1]:
            seen = measure(options.browser, text, options.work, scheme)
            dark.append(seen["dark"])
            mistakes += seen["found"]
            if not seen["nodes"]:
                mistakes.append("nothing is drawn")
        if sorted(dark) != [False, True]:
            mistakes.append("light and dark look alike")
    for mistake in mistakes:
        print(f"{os.path.basename(page)}: {mistake}")
    failed |= bool(mistakes)
sys.exit(failed)

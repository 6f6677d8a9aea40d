// Opens pages of the book in frames of this page and measures them. The test reads #result.
// The question after the page's name is {"pages": [...], "widths": [...], "contrast": true}.
"use strict";

const question = JSON.parse(decodeURIComponent(location.search.slice(1)));
const STILL = "*, *::before, *::after { transition: none !important; animation: none !important }";

function rgba(text) {
  const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
  return { r, g, b, a };
}

function over(top, below) {
  const mix = (x, y) => x * top.a + y * (1 - top.a);
  return { r: mix(top.r, below.r), g: mix(top.g, below.g), b: mix(top.b, below.b), a: 1 };
}

function luminance({ r, g, b }) {
  const linear = [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
}

function contrast(one, other) {
  const [dark, light] = [luminance(one), luminance(other)].sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}

function background(element, view) {
  const layers = [];
  for (let e = element; e; e = e.parentElement) {
    const colour = rgba(view.getComputedStyle(e).backgroundColor);
    if (colour.a > 0) layers.push(colour);
    if (colour.a === 1) break;
  }
  return layers.reverse().reduce((below, top) => over(top, below), rgba("rgb(255, 255, 255)"));
}

function texts(document) {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = new Set();
  while (walker.nextNode()) {
    if (walker.currentNode.nodeValue.trim()) found.add(walker.currentNode.parentElement);
  }
  return [...found].filter((e) => !e.closest("script, style, noscript, template") &&
    e.checkVisibility({ opacityProperty: true, visibilityProperty: true }));
}

function describe(element) {
  const text = element.textContent.trim().slice(0, 30);
  return `${element.tagName.toLowerCase()}.${element.getAttribute("class") || ""} “${text}”`;
}

function faint(document, view) {
  const bad = [];
  for (const element of texts(document)) {
    const style = view.getComputedStyle(element);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const behind = background(element, view);
    const ratio = contrast(over(rgba(style.color), behind), behind);
    if (ratio < (large ? 3 : 4.5)) bad.push(`${ratio.toFixed(2)} ${describe(element)}`);
  }
  return bad;
}

function tiny(document, view) {
  return texts(document).filter((e) => !e.closest("math, sup, sub"))
    .filter((e) => parseFloat(view.getComputedStyle(e).fontSize) < 11).map(describe);
}

function wide(document) {
  const page = document.documentElement;
  if (page.scrollWidth <= page.clientWidth) return [];
  const edge = page.clientWidth;
  const guilty = [...document.body.querySelectorAll("*")]
    .filter((e) => e.getBoundingClientRect().right > edge + 1).slice(0, 5).map(describe);
  return [`${page.scrollWidth} px of ${edge}: ${guilty.join("; ")}`];
}

async function opened(page, width) {
  const frame = document.createElement("iframe");
  frame.style.cssText = `width: ${width}px; height: 900px; border: 0`;
  const loaded = new Promise((resolve) => frame.addEventListener("load", resolve));
  frame.src = page;
  document.body.append(frame);
  await loaded;
  const style = frame.contentDocument.createElement("style");
  style.textContent = STILL;
  frame.contentDocument.head.append(style);
  await frame.contentDocument.fonts.ready;
  return frame;
}

async function measured(page, width) {
  const frame = await opened(page, width);
  const { contentDocument: inner, contentWindow: view } = frame;
  const found = { page, width, wide: wide(inner), tiny: tiny(inner, view), faint: [] };
  found.listings = inner.querySelectorAll("div.listing").length;
  found.usable = [...inner.querySelectorAll("div.listing")].filter((listing) =>
    listing.querySelector("button.copybtn") && listing.querySelector(".listing-source a")).length;
  for (const theme of question.contrast ? ["light", "dark"] : []) {
    inner.documentElement.dataset.theme = theme;
    found.faint.push(...faint(inner, view).map((line) => `${theme}: ${line}`));
  }
  frame.remove();
  return found;
}

(async () => {
  const results = [];
  for (const page of question.pages) {
    for (const width of question.widths) results.push(await measured(page, width));
  }
  document.getElementById("result").textContent = JSON.stringify(results);
})();

// Asked of the page by page_browser.py: what a person with other eyes would say.
'use strict';

function luminance([r, g, b]) {
  const part = (value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
}

function colour(text) {
  const parts = text.match(/[\d.]+/g).map(Number);
  return {rgb: parts.slice(0, 3), alpha: parts[3] ?? 1};
}

function backgroundOf(node) {
  for (let at = node; at !== null; at = at.parentElement) {
    const {rgb, alpha} = colour(getComputedStyle(at).backgroundColor);
    if (alpha === 1) return rgb;
  }
  return [255, 255, 255];
}

// Texts whose contrast is below 4.5, as WCAG's AA asks of small ones.
function lowContrast() {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !node.checkVisibility()) continue;
    if (node.closest('noscript, dialog:not([open])')) continue;
    const style = getComputedStyle(node);
    const ink = node instanceof SVGElement ? style.fill : style.color;
    const lights = [luminance(colour(ink).rgb), luminance(backgroundOf(node))]
        .sort((a, b) => b - a);
    const contrast = (lights[0] + 0.05) / (lights[1] + 0.05);
    if (contrast < 4.5) {
      found.push(contrast.toFixed(2) + ' ' +
          walker.currentNode.data.trim().slice(0, 40));
    }
  }
  return found;
}

// What moved without being asked to: the sum that browsers call CLS.
function layoutShift() {
  return new Promise((resolve) => {
    let sum = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        if (!entry.hadRecentInput) sum += entry.value;
      }
    }).observe({type: 'layout-shift', buffered: true});
    setTimeout(() => resolve(sum), 200);
  });
}

// What makes the page wider than the screen.
function tooWide() {
  const width = document.documentElement.clientWidth;
  return document.documentElement.scrollWidth > width + 1
      ? [...document.querySelectorAll('main *')]
          .filter((node) => node.getBoundingClientRect().right > width + 1 &&
              !node.closest('.picture, pre, #log-lines'))
          .map((node) => node.tagName + '#' + node.id + '.' + node.className)
          .slice(0, 5)
      : [];
}

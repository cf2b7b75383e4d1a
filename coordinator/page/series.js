// Curves as numbers: nothing here knows of a page.
'use strict';

// A point of the service (docs/page.md): some steps that follow each other.
const STEP = 0;
const STEPS = 1;
const LOSS = 2;
const LEAST = 3;
const MOST = 4;
const GRAD_NORM = 6;
const LEARNING_RATE = 7;

// The mean of the losses up to each point, older ones counting less: by e for
// each `window` steps. It starts as the first loss, not as 0, and is the same
// however many steps a point stands for. 0: the losses as they are.
function smooth(points, window) {
  if (window <= 0) return points.map((point) => point[LOSS]);
  let sum = 0;
  let weight = 0;
  return points.map((point) => {
    const loss = point[LOSS];
    if (loss === null) return null;
    const keep = Math.exp(-point[STEPS] / window);
    sum = sum * keep + loss * (1 - keep);
    weight = weight * keep + (1 - keep);
    return sum / weight;
  });
}

// Whether two lists of numbers, or of lists of them, say the same. From their
// ends, where news is.
function isSame(a, b) {
  if (a === b) return true;
  if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) {
    return false;
  }
  for (let i = a.length - 1; i >= 0; --i) {
    if (a[i] !== b[i] && !isSame(a[i], b[i])) return false;
  }
  return true;
}

// A slider's place, 0 to 100, as steps: 0, then 1 to 10,000 by their
// magnitude, with two digits.
function windowAt(place) {
  if (place <= 0) return 0;
  return Number((10 ** (place / 25)).toPrecision(2));
}

// The place of a hundredth of so many steps, which shows how a job goes on; of
// ten steps at least.
function placeFor(steps) {
  return Math.round(25 * Math.log10(Math.max(10, steps / 100)));
}

// Columns [[[step, value], ...], ...] as rows [step, value, value, ...] of all
// steps, null where a column has none.
function mergeColumns(columns) {
  const rows = new Map();
  columns.forEach((column, index) => {
    for (const [step, value] of column) {
      let row = rows.get(step);
      if (row === undefined) {
        row = [step, ...columns.map(() => null)];
        rows.set(step, row);
      }
      row[index + 1] = value;
    }
  });
  return [...rows.values()].sort((a, b) => a[0] - b[0]);
}

// Where most of the values are: a few wild ones do not flatten the rest.
function rangeOf(values) {
  const sorted = values.filter((value) => value !== null)
      .sort((a, b) => a - b);
  if (sorted.length === 0) return null;
  const at = (share) => sorted[Math.floor((sorted.length - 1) * share)];
  const low = at(0);
  const high = at(0.995);
  const margin = (high - low || Math.abs(high) || 1) * 0.05;
  return [low - margin, high + margin];
}

// The steps to ask for: those that are shown, and before them as many as the
// smoothing looks back on.
function stepsToAsk(shown, window) {
  if (shown === null) return [0, 999999999999999];
  return [Math.max(0, Math.floor(shown[0] - 5 * window)),
    Math.max(0, Math.ceil(shown[1]))];
}

// The steps of [first, last] that are shown after a change of `factor`, around
// `middle`; null: all of them.
function zoomed(shown, all, factor, middle) {
  const [from, to] = shown || all;
  const width = Math.max(4, (to - from) * factor);
  if (width >= all[1] - all[0]) return null;
  const share = (middle - from) / ((to - from) || 1);
  const start = Math.min(Math.max(all[0], middle - share * width),
      all[1] - width);
  return [start, start + width];
}

// One chart of curves over steps, which dygraphs draws on a canvas: axes, zoom
// and hover. Of its plugins only those are used that put numbers of ours into
// the page.
'use strict';

Dygraph.PLUGINS = [Dygraph.Plugins.Axes, Dygraph.Plugins.Grid];

// A finger scrolls the page, also over a chart; a tap points at a step.
const MOUSE_ONLY = Object.fromEntries(
    Object.entries(Dygraph.defaultInteractionModel)
        .filter(([event]) => !event.startsWith('touch')));

const colourOf = (name) => getComputedStyle(document.documentElement)
    .getPropertyValue('--' + name).trim();

// A curve of the chart takes one function here, and no list of them.
function bandAndLine(drawing) {
  Dygraph.Plotters.errorPlotter(drawing);
  Dygraph.Plotters.linePlotter(drawing);
}

class Chart {
  // `on`: what is called: zoom([from, to], or null for all), point(step),
  // leave(). `bars`: values are [least, middle, most].
  constructor(box, on, bars = false) {
    this.box = box;
    this.on = on;
    this.bars = bars;
    this.graph = null;
    this.shape = '';
    this.rows = [];
    this.view = '';    // what is drawn; '': somebody may have moved it
    this.held = null;  // the range of values that somebody has chosen
  }

  // Draws `rows` [step, value of each series]; a series: {name, colour, width,
  // dash, points, band, title}. `shown`: [from, to] or null; `range`: of the
  // values, or null. What is drawn already is not drawn again.
  show(series, rows, shown, range, log = false) {
    const shape = JSON.stringify([series, log]);
    if (rows.length === 0 || shape !== this.shape) this.clear();
    const view = {dateWindow: shown, valueRange: this.held || range};
    const key = JSON.stringify(view);
    if (this.graph !== null && key === this.view &&
        isSame(rows, this.rows)) {
      return;
    }
    this.view = key;
    this.rows = rows;
    this.shape = shape;
    if (rows.length === 0) {
      this.box.replaceChildren(make('p', 'quiet', 'There are no steps yet.'));
      return;
    }
    if (this.graph !== null) {
      this.graph.updateOptions({file: rows, ...view});
      return;
    }
    this.box.replaceChildren();
    this.graph = new Dygraph(this.box, rows,
        {...this.options(series, log), ...view});
  }

  // What a drag has chosen: some of the steps, or some of the values.
  zoom(from, to, ranges, before) {
    this.view = '';
    const isOfValues = from === before[0] && to === before[1];
    if (isOfValues) this.held = ranges[0];
    else this.on.zoom([from, to]);
  }

  options(series, log) {
    const interactionModel = {...MOUSE_ONLY,
      mousedown: (event, graph, context) => {
        this.before = graph.xAxisRange();
        this.view = '';
        MOUSE_ONLY.mousedown(event, graph, context);
      },
      dblclick: () => this.on.zoom(null)};
    return {
      labels: ['step', ...series.map((one) => one.name)],
      colors: series.map((one) => colourOf(one.colour)),
      series: Object.fromEntries(series.map((one) => [one.name, {
        strokeWidth: one.width || 1.5, strokePattern: one.dash || null,
        plotter: one.band ? bandAndLine : Dygraph.Plotters.linePlotter,
        drawPoints: Boolean(one.points), pointSize: 3,
        highlightCircleSize: 4}])),
      customBars: this.bars, fillAlpha: 0.18, connectSeparatedPoints: true,
      logscale: log, legend: 'never', interactionModel,
      axisLineColor: colourOf('line'), gridLineColor: colourOf('line'),
      gridLineWidth: 1, axisLabelFontSize: 12, rightGap: 12, xRangePad: 4,
      axes: {
        x: {axisLabelFormatter: axisStep, ticker: Dygraph.numericTicks,
          axisLabelWidth: 56, pixelsPerLabel: 80},
        y: {axisLabelFormatter: axisNumber, axisLabelWidth: 56,
          pixelsPerLabel: 36}},
      zoomCallback: (from, to, ranges) =>
        this.zoom(from, to, ranges, this.before),
      highlightCallback: (event, step) => this.on.point(step),
      unhighlightCallback: () => this.on.leave()};
  }

  // Marks the row that is nearest to the step; null: none.
  select(step) {
    if (this.graph === null) return;
    if (step === null) {
      this.graph.clearSelection();
    } else {
      this.graph.setSelection(nearest(this.rows, step));
    }
  }

  clear() {
    if (this.graph !== null) this.graph.destroy();
    this.graph = null;
    this.shape = '';
    this.view = '';
    this.held = null;
  }
}

// Says which line is which: by its colour, its dash and its width.
function showKey(id, series) {
  const box = byId(id);
  const shape = JSON.stringify(series);
  if (box.dataset.shape === shape) return;
  box.dataset.shape = shape;
  box.replaceChildren(...series.map((one) => {
    const entry = make('span');
    const svg = draw('svg', {viewBox: '0 0 28 8', 'aria-hidden': 'true'});
    svg.append(draw('line', {x1: 0, x2: 28, y1: 4, y2: 4,
      stroke: `var(--${one.colour})`, 'stroke-width': one.width || 1.5,
      'stroke-dasharray': (one.dash || []).join(' ')}));
    entry.append(svg, ' ' + (one.title || one.name));
    return entry;
  }));
}

// The index of the row whose step is nearest.
function nearest(rows, step) {
  let low = 0;
  let high = rows.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle][0] < step) low = middle + 1;
    else high = middle;
  }
  const isBefore = low > 0 &&
      step - rows[low - 1][0] < Math.abs(rows[low][0] - step);
  return isBefore ? low - 1 : low;
}

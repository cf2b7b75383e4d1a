// The curves of a job: loss with the least and the most of each part, smoothed
// as the slider says, other jobs' over it, gradient norm, learning rate and
// validation, all over the same steps.
'use strict';

const DASHES = [null, [7, 3], [2, 2], [7, 3, 2, 3]];
const RUN_COLOURS = 6;  // --run-1 and on

const curves = {
  id: null,
  steps: 0,     // that the job has done
  shown: null,  // steps [from, to]; null: all
  last: null,   // as many of the last steps are shown, also when more come
  at: null,     // the step that is pointed at
  own: null,    // the service's answer
  others: new Map(),  // by id: {name, steps, answer}
};

const chartHandlers = {
  zoom: (shown) => showSteps(shown),
  point: (step) => pointAt(step),
  leave: () => pointAt(null)};

const charts = {
  loss: new Chart(byId('chart-loss'), chartHandlers, true),
  grad: new Chart(byId('chart-grad'), chartHandlers),
  rate: new Chart(byId('chart-rate'), chartHandlers),
  validation: new Chart(byId('chart-validation'), chartHandlers),
};

// --- data

const smoothingWindow = () => windowAt(Number(byId('smoothing').value));

async function askSteps(id) {
  const [from, to] = stepsToAsk(curves.shown, smoothingWindow());
  return get(jobPath(id) + '/steps/' + from + '/' + to);
}

// The job's curves, and those that it is compared with, as the service has them
// now. A job that has gone meanwhile is compared no more.
async function loadCurves(job) {
  const id = job.id;
  if (id !== curves.id) {
    openCurves(id);
    suggestSmoothing(job.steps_total);
  }
  curves.steps = job.steps_done;
  if (curves.last !== null) curves.shown = lastSteps(curves.last);
  const [own, ...others] = await Promise.all([askSteps(id),
    ...[...curves.others.keys()].map((other) =>
      askSteps(other).then((answer) => [other, answer], () => [other, null]))]);
  if (id !== curves.id) return;
  curves.own = own;
  for (const [other, answer] of others) {
    const entry = curves.others.get(other);
    if (entry === undefined) continue;
    if (answer === null) curves.others.delete(other);
    else entry.answer = answer;
  }
  drawCurves();
}

function openCurves(id) {
  curves.id = id;
  curves.steps = 0;
  curves.shown = null;
  curves.last = null;
  curves.at = null;
  curves.own = null;
  curves.others.clear();
  byId('compare').open = false;
  for (const chart of Object.values(charts)) chart.show([], [], null, null);
}

// From no step to the last one of any job here.
function allSteps() {
  const others = [...curves.others.values()].map((entry) => entry.steps);
  return [0, Math.max(1, curves.steps, ...others)];
}

// null: that is all.
function lastSteps(wanted) {
  const last = curves.steps;
  return last > wanted ? [last - wanted, last] : null;
}

// --- drawing

function drawCurves() {
  if (curves.own === null) return;
  const began = performance.now();
  drawLoss();
  const points = curves.own.points;
  drawOne(charts.grad, 'gradient norm', points.map((p) => [p[STEP],
    p[GRAD_NORM]]));
  drawOne(charts.rate, 'learning rate', points.map((p) => [p[STEP],
    p[LEARNING_RATE]]));
  drawValidation(curves.own.validations);
  for (const chart of Object.values(charts)) chart.select(curves.at);
  showReadout();
  markRange();
  byId('chart-loss').dataset.redrawMs =
      (performance.now() - began).toFixed(1);
}

const isShown = (step) => curves.shown === null ||
    (step >= curves.shown[0] && step <= curves.shown[1]);

// By answer: the window and what it gave, which several parts ask for.
const smoothed = new WeakMap();

function smoothedOf(answer) {
  const window = smoothingWindow();
  const known = smoothed.get(answer);
  if (known !== undefined && known.window === window) return known.rows;
  const values = smooth(answer.points, window);
  const rows = answer.points.map((point, i) => [point[STEP], values[i]]);
  smoothed.set(answer, {window, rows});
  return rows;
}

const asBar = ([step, value]) =>
  [step, value === null ? null : [value, value, value]];

function drawLoss() {
  const log = byId('log-scale').checked;
  const points = curves.own.points.filter((point) => point[LOSS] !== null);
  const series = [{name: 'loss', colour: 'loss', width: 1,
    band: true, title: 'loss, and its least and most'},
    {name: 'smoothed', colour: 'accent', width: 2.5}];
  const columns = [
    points.map((p) => [p[STEP], [p[LEAST], p[LOSS], p[MOST]]]),
    smoothedOf(curves.own).map(asBar)];
  let index = 0;
  for (const [id, {name, answer}] of curves.others) {
    if (answer) {
      series.push({name: 'job ' + id, colour: runColour(index), width: 2,
        dash: DASHES[(index + 1) % DASHES.length], title: name});
      columns.push(smoothedOf(answer).map(asBar));
    }
    ++index;
  }
  const values = points.filter((p) => isShown(p[STEP]))
      .flatMap((p) => [p[LEAST], p[MOST]]);
  charts.loss.show(series, mergeColumns(columns), curves.shown,
      log ? null : rangeOf(values), log);
  showKey('loss-key', series);
}

function drawOne(chart, name, column) {
  const rows = column.filter(([, value]) => value !== null);
  chart.show([{name, colour: 'accent'}], rows, curves.shown,
      rangeOf(rows.filter(([step]) => isShown(step)).map(([, v]) => v)));
}

const bandName = (timestep) => 't ' + Math.round(timestep);

function drawValidation(results) {
  byId('validation').hidden = results.length === 0;
  if (results.length === 0) return;
  const bands = [...new Set(results.flatMap((result) =>
    result.bands.map(([timestep]) => timestep)))].sort((a, b) => b - a);
  const series = [{name: 'mean', colour: 'ink', width: 2.5, points: true},
    ...bands.map((timestep, i) => ({name: bandName(timestep),
      colour: runColour(i), dash: DASHES[i % DASHES.length], points: true}))];
  const rows = results.map((result) => {
    const of = new Map(result.bands);
    return [result.steps_done, result.loss,
      ...bands.map((timestep) => of.get(timestep) ?? null)];
  });
  charts.validation.show(series, rows, curves.shown, null);
  showKey('validation-key', series);
}

const runColour = (index) => 'run-' + (index % RUN_COLOURS + 1);

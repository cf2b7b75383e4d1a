// What a person does with the curves: points, zooms, smooths, compares.
'use strict';

const SMOOTHING_KEY = 'halfpipe-smoothing';

const lastButtons = document.querySelectorAll('[data-last]');

// --- what is pointed at, and what is shown

function pointAt(step) {
  if (step === curves.at) return;
  curves.at = step;
  for (const chart of Object.values(charts)) chart.select(step);
  showReadout();
}

function pointText(point) {
  const range = point[STEPS] > 1 && point[LEAST] !== null
      ? ' (' + number(point[LEAST]) + ' to ' + number(point[MOST]) + ')' : '';
  const step = point[STEPS] > 1
      ? 'steps ' + count(point[STEP] - point[STEPS] + 1) + ' to ' +
          count(point[STEP])
      : 'step ' + count(point[STEP]);
  return step + ': loss ' + number(point[LOSS]) + range;
}

function showReadout() {
  const points = curves.own ? curves.own.points : [];
  if (points.length === 0) {
    setText(byId('readout'), '');
    return;
  }
  const at = curves.at === null ? points.length - 1
                                : nearest(points, curves.at);
  const parts = [pointText(points[at]),
    'smoothed ' + number(smoothedOf(curves.own)[at][1]),
    'gradient norm ' + number(points[at][GRAD_NORM]),
    'learning rate ' + scientific(points[at][LEARNING_RATE])];
  for (const {name, answer} of curves.others.values()) {
    if (!answer || answer.points.length === 0) continue;
    const other = smoothedOf(answer);
    parts.push(name + ' ' + number(other[nearest(other, points[at][STEP])][1]));
  }
  setText(byId('readout'), parts.join(' · '));
  showValidationAt(points[at][STEP]);
}

// The last evaluation up to the step, by its bands.
function showValidationAt(step) {
  const results = curves.own.validations.filter((result) =>
    result.steps_done <= step);
  const result = results.at(-1) || curves.own.validations[0];
  if (!result) return;
  setText(byId('validation-legend'), ['step ' + count(result.steps_done),
    'mean ' + number(result.loss) + (result.is_best ? ' (the best)' : ''),
    ...result.bands.map(([timestep, loss]) =>
      bandName(timestep) + ' ' + number(loss))].join(' · '));
}

// Shows those steps of all curves, at first with the points that are there.
function showSteps(shown, last = null) {
  const all = allSteps();
  curves.last = last;
  const isAll = shown === null ||
      (shown[0] <= all[0] && shown[1] >= all[1]);
  curves.shown = isAll ? null : [Math.max(shown[0], all[0]),
    Math.min(shown[1], all[1])];
  for (const chart of Object.values(charts)) chart.held = null;
  drawCurves();
  loadAgainSoon();
}

let loadTimer = 0;

function loadAgainSoon() {
  clearTimeout(loadTimer);
  loadTimer = setTimeout(() => {
    // Where it fails, the next refresh says so.
    loadCurves({id: curves.id, steps_done: curves.steps}).catch(() => {});
  }, 150);
}

function markRange() {
  byId('show-all').setAttribute('aria-pressed',
      String(curves.shown === null && curves.last === null));
  for (const button of lastButtons) {
    button.setAttribute('aria-pressed',
        String(Number(button.dataset.last) === curves.last));
  }
}

// --- controls

function moveBy(rows) {
  const points = curves.own ? curves.own.points : [];
  if (points.length === 0) return;
  const from = curves.at === null ? points.length - 1
                                  : nearest(points, curves.at);
  const to = Math.min(points.length - 1, Math.max(0, from + rows));
  pointAt(points[to][STEP]);
}

function zoomBy(factor) {
  const all = allSteps();
  const [from, to] = curves.shown || all;
  const inside = curves.at !== null && curves.at >= from && curves.at <= to;
  showSteps(zoomed(curves.shown, all, factor,
      inside ? curves.at : (from + to) / 2));
}

const CHART_KEYS = {
  ArrowLeft: (event) => moveBy(event.shiftKey ? -10 : -1),
  ArrowRight: (event) => moveBy(event.shiftKey ? 10 : 1),
  Home: () => moveBy(-Infinity),
  End: () => moveBy(Infinity),
  '+': () => zoomBy(0.5),
  '=': () => zoomBy(0.5),
  '-': () => zoomBy(2),
  Escape: () => showSteps(null)};

function onChartKey(event) {
  const act = CHART_KEYS[event.key];
  if (act === undefined || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  // The values are read out to whoever moves by keys.
  byId('readout').setAttribute('aria-live', 'polite');
  act(event);
}

function showSmoothing() {
  const window = smoothingWindow();
  const text = window === 0 ? 'no steps'
      : window === 1 ? '1 step' : count(window) + ' steps';
  setText(byId('smoothing-value'), text);
  byId('smoothing').setAttribute('aria-valuetext', text);
}

// What somebody has chosen is kept, for other jobs too.
function suggestSmoothing(steps) {
  byId('smoothing').value = localStorage.getItem(SMOOTHING_KEY) ??
      String(placeFor(steps));
  showSmoothing();
}

// Other jobs as boxes to tick; a job of the same id stays ticked.
async function offerJobs() {
  const {jobs} = await get('api/v1/overview');
  const offered = jobs.filter((job) =>
    job.id !== curves.id && job.steps_done > 0);
  fill('compare-jobs', offered.map((job) => {
    const label = make('label');
    const box = make('input');
    box.type = 'checkbox';
    box.checked = curves.others.has(job.id);
    box.addEventListener('change', () => compareWith(job, box.checked));
    label.append(box, ' ' + (job.name || job.id) + ' (' + job.id + ', ' +
        job.steps_done + ' steps)');
    return label;
  }), 'There is no other job with steps.');
}

function compareWith(job, wanted) {
  if (wanted) {
    curves.others.set(job.id, {name: job.name || job.id,
      steps: job.steps_done, answer: null});
  } else {
    curves.others.delete(job.id);
  }
  loadAgainSoon();
}

byId('smoothing').addEventListener('input', () => {
  localStorage.setItem(SMOOTHING_KEY, byId('smoothing').value);
  showSmoothing();
  drawCurves();
  if (curves.shown !== null) loadAgainSoon();
});
byId('log-scale').addEventListener('change', drawCurves);
byId('show-all').addEventListener('click', () => showSteps(null));
for (const button of lastButtons) {
  button.addEventListener('click', () => {
    const last = Number(button.dataset.last);
    showSteps(lastSteps(last), last);
  });
}
for (const chart of Object.values(charts)) {
  chart.box.addEventListener('keydown', onChartKey);
  chart.box.addEventListener('blur', () =>
    byId('readout').setAttribute('aria-live', 'off'));
}
byId('compare').addEventListener('toggle', () => {
  if (!byId('compare').open) return;
  offerJobs().catch((error) => say(error.message, true));
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  for (const chart of Object.values(charts)) chart.clear();
  drawCurves();
});

// What the service says, drawn. Everything that comes from a job is put in as
// text, never as markup.
'use strict';

const REFRESH_MS = 3000;
const SVG = 'http://www.w3.org/2000/svg';
const SECTIONS = ['login', 'overview', 'job'];

const byId = (id) => document.getElementById(id);

function make(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function draw(tag, attributes, text) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) {
    node.setAttribute(name, value);
  }
  if (text !== undefined) node.textContent = text;
  return node;
}

function show(section) {
  for (const id of SECTIONS) byId(id).hidden = id !== section;
}

function say(text, bad) {
  byId('news').textContent = text;
  byId('news').className = bad ? 'bad' : '';
}

// --- numbers

function bytes(count) {
  return count >= 2 ** 30 ? (count / 2 ** 30).toFixed(1) + ' GiB'
                          : (count / 2 ** 20).toFixed(0) + ' MiB';
}

function duration(seconds) {
  if (seconds === undefined || seconds === null) return '';
  if (seconds < 10) return seconds.toFixed(2) + ' s';
  if (seconds < 120) return seconds.toFixed(0) + ' s';
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return minutes + ' min';
  return Math.floor(minutes / 60) + ' h ' + minutes % 60 + ' min';
}

function number(value) {
  return value === undefined || value === null ? '–' : value.toPrecision(4);
}

function percent(part, whole) {
  return whole > 0 ? Math.round(100 * part / whole) + ' %' : '–';
}

// --- pieces

// A bar of parts [share, class], each from the left.
function bar(parts) {
  const box = make('div', 'bar');
  const svg = draw('svg', {viewBox: '0 0 100 1', preserveAspectRatio: 'none'});
  for (const [share, className] of parts) {
    const width = 100 * Math.min(1, Math.max(0, share));
    svg.append(draw('rect', {width, height: 1, class: className}));
  }
  box.append(svg);
  return box;
}

function row(tag, title, side, wide) {
  const node = make(tag, 'row');
  node.append(make('span', 'title', title), make('span', 'side', side));
  if (wide) node.append(make('span', 'wide', wide));
  return node;
}

function stageRow(stage) {
  const memory = stage.total_bytes > 0
      ? bytes(stage.in_use_bytes) + ' of ' + bytes(stage.total_bytes)
      : 'CPU';
  const node = row('div', stage.pair + ' / stage ' + stage.rank, memory,
      [stage.device_name || stage.device, stage.host, stage.activity,
        stage.silent_seconds > 10
            ? 'silent for ' + duration(stage.silent_seconds) : '']
          .filter(Boolean).join(' · '));
  if (stage.total_bytes > 0) {
    node.append(bar([[stage.in_use_bytes / stage.total_bytes, '']]));
  }
  return node;
}

function jobRow(job) {
  const trains = job.steps_total > 0;
  const side = job.queue_position > 0 ? '#' + job.queue_position + ' in queue'
                                      : job.state;
  const node = row('a', job.name || job.id, side,
      [job.id, trains ? job.steps_done + '/' + job.steps_total + ' steps' : '',
        job.state === 'running' && job.eta_seconds
            ? duration(job.eta_seconds) + ' left' : '',
        job.error || job.reason].filter(Boolean).join(' · '));
  node.href = '#job/' + encodeURIComponent(job.id);
  if (trains) node.append(bar([[job.steps_done / job.steps_total, '']]));
  return node;
}

function fill(id, nodes, nothing) {
  byId(id).replaceChildren(
      ...(nodes.length > 0 ? nodes : [make('p', 'quiet', nothing)]));
}

// --- pictures

function curve(points) {
  const width = 640;
  const height = 220;
  const left = 60;
  const bottom = 24;
  const values = points.flatMap((p) => [p[1], p[2]])
      .filter((v) => v !== null).sort((a, b) => a - b);
  // A few wild steps do not flatten the rest.
  const low = values[0];
  const high = values[Math.floor((values.length - 1) * 0.99)];
  const span = high - low || 1;
  const first = points[0][0];
  const steps = points[points.length - 1][0] - first || 1;
  const x = (step) => left + (width - left - 8) * (step - first) / steps;
  const y = (value) => 8 + (height - 8 - bottom) *
      (1 - Math.min(1, (value - low) / span));
  const line = (index) => points.filter((p) => p[index] !== null)
      .map((p) => x(p[0]).toFixed(1) + ',' + y(p[index]).toFixed(1)).join(' ');
  const svg = draw('svg', {
    viewBox: `0 0 ${width} ${height}`, role: 'img',
    'aria-label': 'loss over the steps'});
  for (const value of [low, low + span / 2, high]) {
    svg.append(
        draw('line', {x1: left, x2: width - 8, y1: y(value), y2: y(value),
          class: 'axis'}),
        draw('text', {x: left - 6, y: y(value) + 4, 'text-anchor': 'end'},
            value.toPrecision(3)));
  }
  svg.append(
      draw('text', {x: left, y: height - 6}, 'step ' + first),
      draw('text', {x: width - 8, y: height - 6, 'text-anchor': 'end'},
          'step ' + points[points.length - 1][0]),
      draw('polyline', {points: line(1), class: 'loss'}),
      draw('polyline', {points: line(2), class: 'smoothed'}));
  return svg;
}

function timeline(step) {
  const width = 900;
  const left = 66;
  const lane = 22;
  const gap = 6;
  const scale = (width - left - 4) / (step.seconds || 1);
  const height = step.stages.length * (2 * lane + 3 * gap) + 22;
  const svg = draw('svg', {
    viewBox: `0 0 ${width} ${height}`, role: 'img',
    'aria-label': 'what each stage did in the last step'});
  step.stages.forEach((stage, index) => {
    const top = index * (2 * lane + 3 * gap);
    [['stage ' + stage.rank, top], ['link', top + lane + gap / 2]].forEach(
        ([name, y]) => svg.append(
            draw('rect', {x: left, y, width: width - left - 4, height: lane,
              class: 'lane'}),
            draw('text', {x: left - 6, y: y + 15, 'text-anchor': 'end'}, name)));
    for (const [name, category, start, end] of stage.actions) {
      const y = category === 'transfer' ? top + lane + gap / 2 : top;
      const bar = draw('rect', {
        x: (left + start * scale).toFixed(2), y: y + 2,
        width: Math.max(0.5, (end - start) * scale).toFixed(2),
        height: lane - 4, class: category});
      bar.append(draw('title', {}, name + '  ' + duration(end - start)));
      svg.append(bar);
    }
  });
  svg.append(
      draw('text', {x: left, y: height - 6}, '0'),
      draw('text', {x: width - 4, y: height - 6, 'text-anchor': 'end'},
          duration(step.seconds)));
  return svg;
}

function legend(step) {
  const nodes = [];
  for (const name of ['forward', 'backward', 'optimizer', 'transfer']) {
    const svg = draw('svg', {viewBox: '0 0 1 1'});
    svg.append(draw('rect', {width: 1, height: 1, class: name}));
    nodes.push(svg, name);
  }
  for (const stage of step.stages) {
    nodes.push(make('br'), 'stage ' + stage.rank + ': ' +
        percent(stage.busy_seconds, stage.step_seconds) + ' busy, ' +
        percent(stage.bubble_seconds, stage.step_seconds) + ' nothing to do, ' +
        percent(stage.recv_seconds, stage.step_seconds) + ' link, ' +
        percent(stage.data_seconds, stage.step_seconds) + ' data');
  }
  return nodes;
}

// --- views

function showOverview(data) {
  byId('version').textContent = data.version;
  fill('stages', data.stages.map(stageRow), 'No stage is connected.');
  fill('jobs', data.jobs.map(jobRow), 'There are no jobs.');
  show('overview');
}

function facts(job) {
  const list = [
    ['Steps', job.steps_done + ' of ' + job.steps_total],
    ['Time left', job.state === 'running' ? duration(job.eta_seconds) : ''],
    ['Loss', job.loss === undefined ? '' : number(job.smoothed_loss) +
        ' (last ' + number(job.loss) + ')'],
    ['A step', duration(job.step_seconds)],
    ['Learning rate', job.learning_rate ? job.learning_rate.toExponential(2)
                                        : ''],
    ['Checkpoint', job.checkpoint_steps ? 'step ' + job.checkpoint_steps : ''],
    ['Validation', job.validation ? number(job.validation.loss) + ' (best ' +
        number(job.validation.best_loss) + ', step ' +
        job.validation.best_steps + ')' : ''],
    ['Pair', job.pair],
    ['Restarts', job.restarts ? String(job.restarts) : ''],
    ['Labels', Object.entries(job.labels).map(([k, v]) => k + '=' + v)
        .join(', ')],
  ];
  return list.filter(([, value]) => value).map(([name, value]) => {
    const box = make('div');
    box.append(make('dt', '', name), make('dd', '', value));
    return box;
  });
}

function memoryRow(use) {
  const node = row('div', 'stage ' + use.rank,
      use.total_bytes > 0 ? bytes(use.peak_bytes) + ' of ' +
          bytes(use.total_bytes) + ' at the most' : 'CPU',
      [use.total_bytes > 0 ? 'now ' + bytes(use.in_use_bytes) : '',
        percent(1 - use.idle_ratio, 1) + ' busy',
        use.pinned_host_bytes > 0
            ? bytes(use.pinned_host_bytes) + ' of host memory' : '']
          .filter(Boolean).join(' · '));
  if (use.total_bytes > 0) {
    node.append(bar([[use.peak_bytes / use.total_bytes, 'peak'],
      [use.in_use_bytes / use.total_bytes, '']]));
  }
  return node;
}

function showJob(job) {
  byId('job-name').textContent = job.name || job.id;
  byId('job-state').textContent =
      [job.id, job.state, job.reason].filter(Boolean).join(' · ');
  byId('job-state').className = job.error ? 'error' : 'quiet';
  if (job.error) byId('job-state').textContent += ': ' + job.error;
  byId('facts').replaceChildren(...facts(job));
  fill('curve', job.curve.length > 1 ? [curve(job.curve)] : [],
      'There are not two steps yet.');
  fill('memory', (job.stages || []).map(memoryRow), 'No step yet.');
  fill('timeline', job.timeline ? [timeline(job.timeline)] : [],
      'The service has seen no step of this job since it was started.');
  byId('legend').replaceChildren(...(job.timeline ? legend(job.timeline) : []));
  show('job');
}

// --- the service

async function get(path) {
  const response = await fetch(path, {credentials: 'same-origin'});
  if (response.status === 401) throw new Error('login');
  const data = await response.json();
  if (!response.ok) throw new Error(data.error);
  return data;
}

async function logIn(ticket) {
  const response = await fetch('api/v1/session', {
    method: 'POST', credentials: 'same-origin',
    headers: {'Content-Type': 'application/json'},
    body: JSON.stringify({ticket})});
  if (response.ok) return;
  throw new Error((await response.json()).error);
}

let timer = 0;

async function refresh() {
  clearTimeout(timer);
  const asked = location.hash;
  try {
    if (asked.startsWith('#job/')) {
      const job = await get('api/v1/jobs/' + asked.slice('#job/'.length));
      if (asked === location.hash) showJob(job);
    } else {
      const data = await get('api/v1/overview');
      if (asked === location.hash) showOverview(data);
    }
    say(new Date().toLocaleTimeString());
  } catch (error) {
    if (error.message === 'login') {
      show('login');
      say('');
      return;
    }
    say(error.message, true);
  }
  timer = setTimeout(refresh, REFRESH_MS);
}

async function enter(ticket) {
  byId('refusal').textContent = '';
  try {
    await logIn(ticket);
  } catch (error) {
    show('login');
    byId('refusal').textContent = error.message;
    return;
  }
  refresh();
}

byId('login').querySelector('form').addEventListener('submit', (event) => {
  event.preventDefault();
  enter(byId('ticket').value.trim());
});
window.addEventListener('hashchange', refresh);
document.addEventListener('visibilitychange', () => {
  clearTimeout(timer);
  if (!document.hidden) refresh();
});

// #ticket=T or #ticket=T/job/ID. It is not sent to the service with the
// address, and does not stay there.
if (location.hash.startsWith('#ticket=')) {
  const parts = location.hash.slice('#ticket='.length).split('/');
  const rest = parts.slice(1).join('/');
  history.replaceState(null, '', location.pathname + (rest ? '#' + rest : ''));
  enter(parts[0]);
} else {
  refresh();
}

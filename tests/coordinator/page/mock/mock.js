// In the place of a service: fixed answers, so that the page can be looked at
// without one (make_mock). Three jobs; the first trains, 100,000 steps long.
'use strict';

const MOCK_NOW = 1764630000;

// The same numbers each time.
function mockNoise(step) {
  const x = Math.sin(step * 12.9898) * 43758.5453;
  return x - Math.floor(x) - 0.5;
}

function mockSteps(last, speed) {
  const steps = [];
  let smoothed = 0;
  for (let step = 1; step <= last; ++step) {
    const loss = 0.09 + 0.12 * Math.exp(-step * speed) +
        0.05 * mockNoise(step) + (step % 9973 === 0 ? 0.6 : 0);
    smoothed = step === 1 ? loss : 0.98 * smoothed + 0.02 * loss;
    steps.push([step, 1, loss, loss, loss, smoothed,
      0.6 + 0.5 * Math.exp(-step * speed) + 0.3 * mockNoise(step + 7),
      step < 500 ? 1e-4 * step / 500
                 : 1e-4 * 0.5 * (1 + Math.cos(Math.PI * step / 120000))]);
  }
  return steps;
}

const MOCK_STEPS = {
  'cat-lora': mockSteps(100000, 1 / 9000),
  'cat-lora-rank-8': mockSteps(60000, 1 / 14000),
  'boats': []};

// As the service does it (coordinator/page/step_history.h).
function mockBetween(steps, from, to, most) {
  const some = steps.filter((point) => point[0] >= from && point[0] <= to);
  const together = Math.ceil(some.length / most) || 1;
  const points = [];
  for (let i = 0; i < some.length; i += together) {
    const group = some.slice(i, i + together);
    const losses = group.map((point) => point[2]);
    const end = group.at(-1);
    points.push([end[0], group.length,
      losses.reduce((sum, loss) => sum + loss, 0) / losses.length,
      Math.min(...losses), Math.max(...losses), end[5],
      Math.max(...group.map((point) => point[6])), end[7]]
        .map((value) => Number(value.toPrecision(6))));
  }
  return points;
}

function mockValidations(last) {
  const results = [];
  for (let step = 5000; step <= last; step += 5000) {
    const bands = [900, 700, 500, 300, 100].map((timestep, i) =>
      [timestep, 0.05 + 0.03 * i + 0.06 * Math.exp(-step / 20000) +
          0.004 * mockNoise(step + i)]);
    results.push({steps_done: step, is_best: step === last, bands,
      loss: bands.reduce((sum, band) => sum + band[1], 0) / bands.length});
  }
  return results;
}

function mockTimeline() {
  const stage = (rank) => {
    const actions = [];
    for (let i = 0; i < 4; ++i) {
      const start = 0.55 * i + (rank === 1 ? 0.6 : 0);
      actions.push([rank + 'F' + i, 'forward', start, start + 0.5],
          [rank + 'SF' + i, 'transfer', start + 0.5, start + 0.58],
          [rank + 'B' + i, 'backward', start + 2.6, start + 3.1]);
    }
    actions.push(['STEP', 'optimizer', 5.4, 5.7]);
    return {rank, actions, step_seconds: 5.7, busy_seconds: 4.7,
      bubble_seconds: 0.6, recv_seconds: 0.3, data_seconds: 0.1};
  };
  return {steps_done: 100000, time: MOCK_NOW, seconds: 5.7,
    stages: [stage(0), stage(1)]};
}

const mockMemory = (activations, free) => Object.fromEntries(
    Object.entries({weights: 13.6, lora: 0.3, optimizer: 0.4, activations,
      workspace: 1.4, free}).map(([kind, gib]) =>
      [kind + '_bytes', gib * 2 ** 30]));

const mockUse = (rank) => ({rank, memory: mockMemory(6.2, 2.1),
  plan: {peak_bytes: 21.4 * 2 ** 30, budget_bytes: 23 * 2 ** 30,
    pinned_bytes: 6.1 * 2 ** 30, memory: mockMemory(5.7, 1.6)}, idle_ratio: 0.12 + 0.05 * rank,
  in_use_bytes: 19.4 * 2 ** 30, peak_bytes: 21.9 * 2 ** 30,
  total_bytes: 24 * 2 ** 30, pinned_host_bytes: 6.1 * 2 ** 30});

const MOCK_JOBS = [
  {id: 'cat-lora', name: 'Cats, rank 32', kind: 'train', state: 'running',
    reason: '', error: '', labels: {who: 'anna', set: '<b>cats</b>'},
    pair: 'default', created: MOCK_NOW - 90000, started: MOCK_NOW - 88000,
    steps_done: 100000, steps_total: 120000, queue_position: 0, priority: 0,
    restarts: 1, checkpoint_steps: 99500, loss: 0.0931, smoothed_loss: 0.0912,
    learning_rate: 6.7e-6, step_seconds: 5.7, eta_seconds: 114000,
    stages: [mockUse(0), mockUse(1)]},
  {id: 'boats', name: 'Boats', kind: 'train', state: 'queued',
    reason: 'waits for the job before it', error: '', labels: {}, pair: '',
    created: MOCK_NOW - 600, steps_done: 0, steps_total: 2000,
    queue_position: 1, priority: 0, restarts: 0, checkpoint_steps: 0},
  {id: 'cat-lora-rank-8', name: 'Cats, rank 8', kind: 'train', state: 'failed',
    reason: '', error: 'stage 1: the GPU has fallen off the bus', labels: {},
    pair: 'default', created: MOCK_NOW - 900000, started: MOCK_NOW - 890000,
    ended: MOCK_NOW - 500000, steps_done: 60000, steps_total: 60000,
    queue_position: 0, priority: 0, restarts: 0, checkpoint_steps: 60000,
    loss: 0.1, smoothed_loss: 0.097, learning_rate: 2e-5, step_seconds: 5.1,
    eta_seconds: 0, stages: [mockUse(0), mockUse(1)]}];

const MOCK_STAGES = [0, 1].map((rank) => ({pair: 'default', rank,
  host: 'workshop', device: 'cuda:' + rank, device_name: 'RTX 4090',
  total_bytes: 24 * 2 ** 30, in_use_bytes: 19.4 * 2 ** 30,
  activity: 'training 3/8', silent_seconds: 0.4}));

const MOCK_ACTIONS = {running: ['pause', 'save', 'cancel'],
  queued: ['pause', 'cancel'], paused: ['resume', 'cancel'],
  failed: ['resume'], cancelling: []};
const MOCK_STATES = {pause: 'paused', resume: 'queued', save: 'running',
  cancel: 'cancelling'};

const mockJob = (job) => ({...job, now: MOCK_NOW, looks_closely: true,
  actions: MOCK_ACTIONS[job.state], curve: [],
  timeline: job.state === 'running' ? mockTimeline() : null,
  validation: job.steps_done > 0 ? {steps_done: 100000, loss: 0.1021,
    best_steps: 100000, best_loss: 0.1021} : null});

const mockLog = () => ({lines: [
  [1000, 'info', null, 'memory plan: predicted 0.71 s/sample; stage 0: ' +
      '20R, peak 21.9 of 23.0 GiB, pins 6.1 GiB; stage 1: 20R, peak 21.4 of ' +
      '23.0 GiB, pins 6.1 GiB'],
  [900, 'info', 0, 'encoding clips 340/340'],
  [600, 'warning', 1, 'the link was slow: 2.1 GB/s'],
  [60, 'error', 0, 'a clip cannot be read: <img src=x onerror=alert(1)>']]
    .map(([ago, severity, stage, text]) =>
      ({time: MOCK_NOW - ago, severity, stage, text}))});

const mockFiles = (job) => ({folders: [
  {path: '/srv/out/' + job.id, steps_done: job.steps_done, files: []},
  {path: '/srv/out/' + job.id + '/step-00099500', steps_done: 99500,
    files: [{name: 'step-00099500/lora.diffsynth.safetensors',
      bytes: 3 * 2 ** 20, changed: '1764629000000000000'}]}]});

function mockAnswer(path, method) {
  const parts = path.split('/').slice(2).map(decodeURIComponent);
  if (parts[0] === 'overview') {
    return {version: 'mock', now: MOCK_NOW, stages: MOCK_STAGES,
      jobs: MOCK_JOBS};
  }
  const job = MOCK_JOBS.find((one) => one.id === parts[1]);
  if (parts[0] !== 'jobs' || job === undefined) return null;
  if (method === 'POST') {
    job.state = MOCK_STATES[parts[2]];
    return mockJob(job);
  }
  const answers = {
    undefined: () => mockJob(job),
    steps: () => ({points: mockBetween(MOCK_STEPS[job.id], Number(parts[3]),
        Number(parts[4]), 1000), validations: mockValidations(job.steps_done)}),
    log: mockLog,
    files: () => mockFiles(job),
    settings: () => ({yaml: 'name: ' + job.name + '\nlora: {rank: 32}\n'})};
  return answers[parts[2]]();
}

window.fetch = async (path, options = {}) => {
  if (/\/files\/\d/.test(path)) {
    return new Response(new Uint8Array(2 ** 20), {status: 200});
  }
  const answer = mockAnswer(path, options.method);
  return new Response(JSON.stringify(answer ?? {error: 'there is no such job'}),
      {status: answer === null ? 404 : 200});
};

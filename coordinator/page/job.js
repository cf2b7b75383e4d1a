// One job.
'use strict';

// Until now, or until it ended.
function spent(job) {
  if (job.started === undefined) return '';
  return duration((job.ended ?? job.now) - job.started);
}

function finish(job) {
  if (job.ended !== undefined) return moment(job.ended, job.now);
  if (job.state !== 'running' || !job.eta_seconds) return '';
  return 'about ' + moment(job.now + job.eta_seconds, job.now);
}

function listFacts(job) {
  return [
    ['Steps', job.steps_done + ' of ' + job.steps_total],
    ['Time left', job.state === 'running' ? duration(job.eta_seconds) : ''],
    [job.ended !== undefined ? 'Ended' : 'Done', finish(job)],
    ['Time since its start', spent(job)],
    ['Loss', job.loss === undefined ? '' : number(job.smoothed_loss) +
        ' (last ' + number(job.loss) + ')'],
    ['A step', duration(job.step_seconds)],
    ['Learning rate', job.learning_rate ? scientific(job.learning_rate) : ''],
    ['Checkpoint', job.checkpoint_steps ? 'step ' + job.checkpoint_steps : ''],
    ['Validation', job.validation ? number(job.validation.loss) + ' (best ' +
        number(job.validation.best_loss) + ', step ' +
        job.validation.best_steps + ')' : ''],
    ['Pair', job.pair],
    ['Restarts', job.restarts ? String(job.restarts) : ''],
    ['Labels', Object.entries(job.labels).map(([k, v]) => k + '=' + v)
        .join(', ')],
  ].filter(([, value]) => value);
}

// Changes texts where the names are the same, so that nothing moves.
function showFacts(facts) {
  const box = byId('facts');
  const names = facts.map(([name]) => name).join('\n');
  if (box.dataset.names !== names) {
    box.dataset.names = names;
    box.replaceChildren(...facts.map(([name]) => {
      const node = make('div');
      node.append(make('dt', '', name), make('dd'));
      return node;
    }));
  }
  const values = box.querySelectorAll('dd');
  facts.forEach(([, value], i) => setText(values[i], value));
}

function showProgress(job) {
  const box = byId('progress');
  box.hidden = !(job.steps_total > 0);
  if (box.hidden) return;
  const bar = makeBar([[job.steps_done / job.steps_total, '']]);
  bar.setAttribute('role', 'progressbar');
  bar.setAttribute('aria-label', 'steps');
  bar.setAttribute('aria-valuemin', '0');
  bar.setAttribute('aria-valuemax', String(job.steps_total));
  bar.setAttribute('aria-valuenow', String(job.steps_done));
  box.replaceChildren(bar);
}

function showJob(job) {
  const name = job.name || job.id;
  setText(byId('job-name'), name);
  const share = job.steps_total > 0
      ? percent(job.steps_done, job.steps_total) + ' ' : '';
  document.title = share + name + ' – halfpipe';
  byId('job-state').replaceChildren(makeState(job.state), ' ',
      make('span', 'quiet', [job.id, job.reason].filter(Boolean).join(' · ')));
  setText(byId('job-error'), job.error);
  showProgress(job);
  showActions(job);
  showFacts(listFacts(job));
  fill('memory', (job.stages || []).map(makeMemoryRow), 'No step yet.');
  showTimeline(job.timeline);
}

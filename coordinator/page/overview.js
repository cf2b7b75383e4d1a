// All stages and jobs.
'use strict';

function makeStageRow(stage) {
  const memory = stage.total_bytes > 0
      ? bytes(stage.in_use_bytes) + ' of ' + bytes(stage.total_bytes)
      : 'CPU';
  const node = makeRow('div', stage.pair + ' / stage ' + stage.rank, memory,
      [stage.device_name || stage.device, stage.host, stage.activity,
        stage.silent_seconds > 10
            ? 'silent for ' + duration(stage.silent_seconds) : '']
          .filter(Boolean).join(' · '));
  if (stage.total_bytes > 0) {
    node.append(makeBar([[stage.in_use_bytes / stage.total_bytes, '']]));
  }
  return node;
}

function makeJobRow(job, now) {
  const trains = job.steps_total > 0;
  const state = makeState(job.state, job.queue_position > 0
      ? '#' + job.queue_position + ' in queue' : job.state);
  const left = job.state === 'running' && job.eta_seconds
      ? duration(job.eta_seconds) + ' left, done ' +
          moment(now + job.eta_seconds, now) : '';
  const node = makeRow('a', job.name || job.id, state,
      [job.id, trains ? job.steps_done + '/' + job.steps_total + ' steps' : '',
        left, job.error || job.reason].filter(Boolean).join(' · '));
  node.href = '#job/' + encodeURIComponent(job.id);
  if (trains) node.append(makeBar([[job.steps_done / job.steps_total, '']]));
  return node;
}

function showOverview(data) {
  setText(byId('version'), data.version);
  document.title = 'halfpipe';
  fill('stages', data.stages.map(makeStageRow), 'No stage is connected.');
  fill('jobs', data.jobs.map((job) => makeJobRow(job, data.now)),
      'There are no jobs.');
}

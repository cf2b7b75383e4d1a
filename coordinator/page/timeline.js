// What both stages did in the last step, on one clock.
'use strict';

const ACTION_KINDS = ['forward', 'backward', 'optimizer', 'transfer'];

function makeTimeline(step) {
  const width = 900;
  const left = 66;
  const lane = 22;
  const gap = 6;
  const scale = (width - left - 4) / (step.seconds || 1);
  const height = step.stages.length * (2 * lane + 3 * gap) + 22;
  const svg = draw('svg', {
    viewBox: `0 0 ${width} ${height}`, role: 'img',
    'aria-label': 'what each stage did in step ' + step.steps_done});
  step.stages.forEach((stage, index) => {
    const top = index * (2 * lane + 3 * gap);
    [['stage ' + stage.rank, top], ['link', top + lane + gap / 2]].forEach(
        ([name, y]) => svg.append(
            draw('rect', {x: left, y, width: width - left - 4, height: lane,
              class: 'lane'}),
            draw('text', {x: left - 6, y: y + 15, 'text-anchor': 'end'},
                name)));
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

function makeLegend(step) {
  const nodes = [];
  for (const name of ACTION_KINDS) {
    const svg = draw('svg', {viewBox: '0 0 1 1', 'aria-hidden': 'true'});
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

// Says that there is more at the side, where there is.
function noteOverflow() {
  const box = byId('timeline');
  byId('timeline-hint').hidden = box.scrollWidth <= box.clientWidth + 1;
}

function showTimeline(step) {
  const place = byId('timeline').scrollLeft;
  fill('timeline', step ? [makeTimeline(step)] : [],
      'The service has seen no step of this job since it was started.');
  byId('timeline').scrollLeft = place;
  byId('legend').replaceChildren(...(step ? makeLegend(step) : []));
  noteOverflow();
}

window.addEventListener('resize', noteOverflow);

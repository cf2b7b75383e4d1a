// What each GPU's memory is used for: as it was when most of it was in use, and
// as the memory plan expected it.
'use strict';

// A field of the service's answer, its word, and the class of its colour.
const MEMORY_KINDS = [
  ['weights_bytes', 'weights', 'weights'],
  ['lora_bytes', 'LoRA', 'lora'],
  ['optimizer_bytes', 'optimizer', 'moments'],
  ['activations_bytes', 'activations', 'activations'],
  ['workspace_bytes', 'workspace', 'workspace']];

const takenOf = (memory) => MEMORY_KINDS.reduce(
    (sum, [field]) => sum + memory[field], 0);

// The kinds beside each other, as shares of the device.
function makeStack(name, memory, whole) {
  const parts = [];
  let end = 0;
  for (const [field, , colour] of MEMORY_KINDS) {
    end += memory[field];
    parts.push([end / whole, colour]);
  }
  const box = make('div', 'stack');
  // Each part from the left: the longest lies at the bottom.
  box.append(make('span', 'quiet', name), makeBar(parts.reverse()));
  return box;
}

function makeMemoryLine(word, colour, values) {
  const line = make('tr');
  const head = make('th');
  head.scope = 'row';
  if (colour) {
    const sign = draw('svg', {viewBox: '0 0 1 1', 'aria-hidden': 'true'});
    sign.append(draw('rect', {width: 1, height: 1, class: colour}));
    head.append(sign, ' ');
  }
  head.append(word);
  line.append(head, ...values.map((value) => make('td', '', value)));
  return line;
}

// The bars' figures. `memories`: [title, by kind, bytes that there are].
function makeMemoryTable(memories) {
  const table = make('table', 'kinds');
  const head = make('tr');
  head.append(make('td'), ...memories.map(([title]) => {
    const cell = make('th', '', title);
    cell.scope = 'col';
    return cell;
  }));
  table.append(head, ...MEMORY_KINDS.map(([field, word, colour]) =>
    makeMemoryLine(word, colour,
        memories.map(([, memory]) => bytes(memory[field])))));
  table.append(
      makeMemoryLine('together', '', memories.map(([, memory, whole]) =>
        bytes(takenOf(memory)) + ' of ' + bytes(whole))),
      makeMemoryLine('free', '',
          memories.map(([, memory]) => bytes(memory.free_bytes))));
  return table;
}

// Whether more is in use than was planned, in words.
function comparedWithPlan(use) {
  if (!use.plan) return 'There is no memory plan to compare it with.';
  const more = takenOf(use.memory) - takenOf(use.plan.memory);
  if (Math.abs(more) < 2 ** 20) return 'As much as was planned.';
  return bytes(Math.abs(more)) + (more > 0 ? ' more' : ' less') +
      ' than was planned.';
}

function makeKinds(use) {
  const box = make('div', 'wide');
  const memories = [['used', use.memory, use.total_bytes]];
  if (use.plan) {
    memories.push(['planned', use.plan.memory, use.plan.budget_bytes]);
  }
  box.append(...memories.map(([title, memory]) =>
    makeStack(title, memory, use.total_bytes)),
  makeMemoryTable(memories), make('p', '', comparedWithPlan(use)));
  return box;
}

function makeMemoryRow(use) {
  const hasGpu = use.total_bytes > 0;
  const pinned = use.pinned_host_bytes > 0
      ? bytes(use.pinned_host_bytes) + ' of host memory' +
          (use.plan ? ', planned ' + bytes(use.plan.pinned_bytes) : '') : '';
  const node = makeRow('div', 'stage ' + use.rank,
      hasGpu ? bytes(use.peak_bytes) + ' of ' + bytes(use.total_bytes) +
          ' at the most' : 'CPU',
      [hasGpu ? 'now ' + bytes(use.in_use_bytes)
              : 'It runs on the CPU, so there is no GPU memory to show',
        percent(1 - use.idle_ratio, 1) + ' busy', pinned]
          .filter(Boolean).join(' · '));
  if (!hasGpu) return node;
  // A step of an older version has no kinds.
  node.append(use.memory ? makeKinds(use)
      : makeBar([[use.peak_bytes / use.total_bytes, 'peak'],
        [use.in_use_bytes / use.total_bytes, '']]));
  return node;
}

// What is shown in a session alone: a job's files, its log and its settings.
'use strict';

const closely = {id: null, filesOf: '', busy: false};

// --- files

// The file, in parts that each are short requests, as one for the browser to
// keep.
async function download(id, file, tell) {
  const parts = [];
  let done = 0;
  while (done < file.bytes) {
    const part = await getBytes(jobPath(id) + '/files/' + file.bytes + '/' +
        file.changed + '/' + done + '/' + file.name);
    parts.push(part);
    done += part.byteLength;
    tell(percent(done, file.bytes));
  }
  const link = make('a');
  link.href = URL.createObjectURL(new Blob(parts));
  link.download = id + '.' + file.name.replaceAll('/', '.');
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

function makeFile(id, file) {
  const name = file.name.split('/').at(-1);
  const item = make('li');
  const state = make('span', 'quiet', ' ' + bytes(file.bytes));
  const button = makeButton('Download ' + name, async () => {
    button.disabled = true;
    try {
      await download(id, file, (text) => setText(state, ' ' + text));
      setText(state, ' ' + bytes(file.bytes));
    } catch (error) {
      setText(state, ' ' + error.message);
    }
    button.disabled = false;
  });
  button.className = 'link';
  item.append(button, state);
  return item;
}

function makeFolder(id, folder, isOutput) {
  const box = make('div', 'folder');
  box.append(make('strong', '', isOutput ? 'Output' : 'Checkpoint of step ' +
      count(folder.steps_done)), make('code', 'path', folder.path));
  const list = make('ul');
  list.append(...folder.files.map((file) => makeFile(id, file)));
  if (folder.files.length > 0) box.append(list);
  return box;
}

async function loadFiles(job) {
  const key = [job.id, job.state, job.checkpoint_steps].join(' ');
  if (key === closely.filesOf) return;
  const {folders} = await get(jobPath(job.id) + '/files');
  closely.filesOf = key;
  fill('file-list', folders.map((folder, i) =>
    makeFolder(job.id, folder, i === 0)), 'There are none.');
}

// --- log

function makeLine(line, now) {
  const node = make('div', 'line ' + line.severity);
  const who = line.stage === null ? '' : 'stage ' + line.stage;
  node.append(make('span', 'quiet', moment(line.time, now) + ' '),
      make('span', 'who', who ? who + ' ' : ''));
  if (line.severity !== 'info') {
    node.append(make('span', 'word', line.severity + ' '));
  }
  node.append(line.text);
  return node;
}

async function loadLog(job) {
  const {lines} = await get(jobPath(job.id) + '/log');
  const box = byId('log-lines');
  const isAtEnd = box.scrollTop + box.clientHeight >= box.scrollHeight - 8;
  const key = job.id + ' ' + lines.length + ' ' + (lines.at(-1)?.time ?? 0);
  if (box.dataset.key === key) return;
  box.dataset.key = key;
  fill('log-lines', lines.map((line) => makeLine(line, job.now)),
      'There is nothing in it yet.');
  if (isAtEnd) box.scrollTop = box.scrollHeight;
  const plan = lines.filter((line) => line.text.startsWith('memory plan:'));
  setText(byId('plan'), plan.length > 0 ? plan.at(-1).text : '');
}

async function loadSettings(job) {
  if (!byId('settings').open || closely.settingsOf === job.id) return;
  const {yaml} = await get(jobPath(job.id) + '/settings');
  setText(byId('settings-text'), yaml);
  closely.settingsOf = job.id;
}

async function loadClosely(job) {
  byId('closely').hidden = !job.looks_closely;
  byId('closed').hidden = job.looks_closely;
  if (!job.looks_closely) {
    setText(byId('plan'), '');
    return;
  }
  await Promise.all([loadFiles(job), loadLog(job), loadSettings(job)]);
}

byId('settings').addEventListener('toggle', () => refresh());

// Changes to a job: each is asked for again before it is done.
'use strict';

// What a button says, what is asked, and what answers "yes".
const ACTIONS = {
  pause: ['Pause', 'Its last step is saved and its stages are free for other ' +
      'jobs. Resume goes on from there.', 'Pause it'],
  resume: ['Resume', 'It queues again, and goes on from its last checkpoint.',
    'Resume it'],
  save: ['Save', 'A checkpoint is written as soon as this step is done.',
    'Save now'],
  cancel: ['Cancel', 'Its last step is saved, and it ends. Resume would go ' +
      'on from there.', 'Cancel it'],
};

// Whether a person says yes. The dialog holds the focus, Escape says no.
function confirmed(title, text, yes) {
  const dialog = byId('confirm');
  setText(byId('confirm-title'), title);
  setText(byId('confirm-text'), text);
  setText(byId('confirm-yes'), yes);
  dialog.returnValue = 'no';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close',
        () => resolve(dialog.returnValue === 'yes'), {once: true});
  });
}

async function actOn(job, action) {
  const [word, text, yes] = ACTIONS[action];
  if (!await confirmed(word + ' ' + (job.name || job.id) + '?', text, yes)) {
    return;
  }
  const answer = byId('action-answer');
  answer.className = '';
  setText(answer, word + ': asked');
  try {
    const now = await post(jobPath(job.id) + '/' + action, {});
    setText(answer, word + ': the job is ' + now.state);
  } catch (error) {
    answer.className = 'error';
    setText(answer, word + ': ' + error.message);
  }
  refresh();
}

let shownActions = '';

// Buttons for what the service lets this session do now. They stay the same
// nodes while it is the same, so that the focus stays where it is.
function showActions(job) {
  const key = job.id + ' ' + job.actions.join(' ');
  if (key === shownActions) return;
  if (!shownActions.startsWith(job.id + ' ')) {
    setText(byId('action-answer'), '');
  }
  shownActions = key;
  byId('actions').replaceChildren(...job.actions.map((action) => {
    const button = makeButton(ACTIONS[action][0], () => actOn(job, action));
    button.dataset.action = action;
    return button;
  }));
}

for (const answer of ['yes', 'no']) {
  byId('confirm-' + answer).addEventListener('click',
      () => byId('confirm').close(answer));
}

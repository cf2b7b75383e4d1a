// Which part of the page is shown, and what keeps it new.
'use strict';

const REFRESH_MS = 3000;
const SECTIONS = ['login', 'overview', 'job'];

function show(section) {
  for (const id of SECTIONS) byId(id).hidden = id !== section;
}

function say(text, bad) {
  setText(byId('news'), text);
  byId('news').className = bad ? 'bad' : '';
  // A time that changes is not read out, a problem is.
  if (bad) byId('news').setAttribute('role', 'alert');
  else byId('news').removeAttribute('role');
}

// The id of the job that the address names; null: none.
function jobOfAddress() {
  const prefix = '#job/';
  if (!location.hash.startsWith(prefix)) return null;
  const id = location.hash.slice(prefix.length);
  try {
    return decodeURIComponent(id);
  } catch {
    return id;
  }
}

async function refreshJob(id) {
  const job = await get(jobPath(id));
  if (id !== jobOfAddress()) return;
  show('job');
  showJob(job);
  await Promise.all([loadCurves(job), loadClosely(job)]);
}

async function refreshOverview() {
  const data = await get('api/v1/overview');
  if (jobOfAddress() !== null) return;
  show('overview');
  showOverview(data);
}

let timer = 0;

async function refresh() {
  clearTimeout(timer);
  const id = jobOfAddress();
  try {
    await (id === null ? refreshOverview() : refreshJob(id));
    say(new Date().toLocaleTimeString());
  } catch (error) {
    if (error.asksForLogin) {
      show('login');
      say('');
      return;
    }
    say(error.message, true);
  }
  clearTimeout(timer);
  timer = setTimeout(refresh, REFRESH_MS);
}

async function enter(ticket) {
  setText(byId('refusal'), '');
  try {
    await logIn(ticket);
  } catch (error) {
    show('login');
    setText(byId('refusal'), error.message);
    return;
  }
  refresh();
}

byId('login').querySelector('form').addEventListener('submit', (event) => {
  event.preventDefault();
  enter(byId('ticket').value.trim());
});
window.addEventListener('hashchange', () => {
  window.scrollTo(0, 0);
  refresh();
});
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

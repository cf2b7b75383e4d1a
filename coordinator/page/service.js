// What is asked of the service, and the session in which.
'use strict';

// Over TLS the session is a cookie that no script sees. Over plain HTTP, which
// this machine alone reaches, a cookie would go to every port of the machine;
// what is stored here is this port's.
const SESSION_KEY = 'halfpipe-session';

function sessionHeaders() {
  const session = localStorage.getItem(SESSION_KEY);
  return session ? {Authorization: 'Bearer ' + session} : {};
}

class ServiceError extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }

  get asksForLogin() { return this.status === 401; }
}

async function ask(path, options) {
  const response = await fetch(path, {credentials: 'same-origin', ...options,
    headers: {...sessionHeaders(), ...options.headers}});
  if (response.ok) return response;
  if (response.status === 401) throw new ServiceError(401, 'log in');
  let text = 'the service answers with ' + response.status;
  try {
    text = (await response.json()).error || text;
  } catch {
    // It was no JSON.
  }
  throw new ServiceError(response.status, text);
}

async function get(path) {
  return (await ask(path, {})).json();
}

async function getBytes(path) {
  return (await ask(path, {})).arrayBuffer();
}

async function post(path, body) {
  const response = await ask(path, {method: 'POST', body: JSON.stringify(body),
    headers: {'Content-Type': 'application/json'}});
  return response.json();
}

async function logIn(ticket) {
  const response = await fetch('api/v1/session', {
    method: 'POST', credentials: 'same-origin',
    headers: {'Content-Type': 'application/json'},
    body: JSON.stringify({ticket})});
  const answer = await response.json();
  if (!response.ok) throw new ServiceError(response.status, answer.error);
  if (answer.session) localStorage.setItem(SESSION_KEY, answer.session);
}

const jobPath = (id) => 'api/v1/jobs/' + encodeURIComponent(id);

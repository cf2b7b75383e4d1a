// Elements. What comes from a job is put in as text, never as markup.
'use strict';

const SVG = 'http://www.w3.org/2000/svg';

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

// Puts the nodes in, or the text where there are none. A link that has the
// focus keeps it.
function fill(id, nodes, nothing) {
  const box = byId(id);
  const active = document.activeElement;
  const href = box.contains(active) ? active.getAttribute('href') : null;
  box.replaceChildren(
      ...(nodes.length > 0 ? nodes : [make('p', 'quiet', nothing)]));
  if (href === null) return;
  const again = [...box.querySelectorAll('a')].find((link) =>
    link.getAttribute('href') === href);
  if (again) again.focus({preventScroll: true});
}

// Sets what is different alone: a screen reader is told of changes, and what is
// selected stays selected.
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function makeButton(text, act) {
  const button = make('button', '', text);
  button.type = 'button';
  button.addEventListener('click', act);
  return button;
}

// A bar of parts [share, class], each from the left.
function makeBar(parts) {
  const box = make('div', 'bar');
  const svg = draw('svg', {viewBox: '0 0 100 1', preserveAspectRatio: 'none',
    'aria-hidden': 'true'});
  for (const [share, className] of parts) {
    const width = 100 * Math.min(1, Math.max(0, share));
    svg.append(draw('rect', {width, height: 1, class: className}));
  }
  box.append(svg);
  return box;
}

function makeRow(tag, title, side, wide) {
  const node = make(tag, 'row');
  const right = make('span', 'side');
  right.append(side);
  node.append(make('span', 'title', title), ' ', right);
  if (wide) node.append(' ', make('span', 'wide', wide));
  return node;
}

// A state by its word, and a sign of its colour before it.
function makeState(state, text) {
  const node = make('span', 'state ' + state);
  const sign = make('span', 'sign');
  sign.setAttribute('aria-hidden', 'true');
  node.append(sign, text || state);
  return node;
}

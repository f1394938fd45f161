// Copyright 2026 The world_model_ros authors. SPDX-License-Identifier: Apache-2.0
// The page: one websocket in, everything that is seen out. docs/reference/view.md has the messages.

import {Charts} from './charts.js';
import {Hands} from './hands.js';
import {Inside} from './inside.js';
import {Player} from './player.js';

const SILENT_MS = 1500; // an update comes twice a second at least
const AGAIN_MS = 1000;
const byId = (id) => document.getElementById(id);
const text = new TextDecoder();
let socket = null;
let about = null;
let heardMs = 0;
let canvases = new Map();
const charts = new Charts(byId('curves'));
const player = new Player(send, charts);
const hands = new Hands(send);
const inside = new Inside();

function send(message) {
  if (!socket || socket.readyState !== WebSocket.OPEN) return false;
  socket.send(JSON.stringify(message));
  return true;
}

function connect() {
  const address = new URL('live', location.href); // of one of several robots: below its page
  address.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
  address.hash = '';
  socket = new WebSocket(address);
  socket.binaryType = 'arraybuffer';
  socket.addEventListener('message', (event) => {
    heardMs = performance.now();
    if (typeof event.data === 'string') take(JSON.parse(event.data));
    else update(event.data);
  });
  socket.addEventListener('close', () => {
    hands.lock();
    setTimeout(connect, AGAIN_MS);
  });
}

function take(message) {
  if (message.about) {
    about = message.about;
    const name = about.namespace ? `${about.namespace}: ${about.robot}` : about.robot;
    byId('robot').textContent = name;
    document.title = `${name}: ${about.mode === 'live' ? 'live view' : 'recorded episode'}`;
    byId('mode').textContent = about.mode === 'live' ? '' : 'recorded episode';
    charts.begin(about);
    layPictures();
    hands.begin(about);
    player.begin(about);
  }
  if (message.answer) hands.take(message.answer);
}

function layPictures() {
  canvases = new Map();
  const root = byId('pictures');
  root.replaceChildren();
  for (const stream of about.pictures) {
    const camera = document.createElement('div');
    camera.className = 'camera';
    const ahead = document.createElement('div');
    for (const kind of ['', 'rejected']) {
      const strip = document.createElement('div');
      strip.className = `strip ${kind}`.trim();
      strip.hidden = Boolean(kind);
      ahead.append(strip);
    }
    camera.append(frame(stream, 'seen', 0, 'seen'), frame(stream, 'believed', 0, 'believed'), ahead);
    camera.dataset.stream = stream;
    root.append(camera);
  }
  byId('pictures_title').parentElement.hidden = !about.pictures.length;
}

function frame(stream, what, inSec, words) {
  const figure = document.createElement('figure');
  figure.className = what;
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 64;
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', `${stream}, ${words}`);
  canvas.dataset.what = what;
  const caption = document.createElement('figcaption');
  caption.textContent = about.pictures.length > 1 && (what === 'seen' || what === 'believed') ? `${stream}: ${words}` : words;
  figure.append(canvas, caption);
  canvases.set(`${stream} ${what} ${inSec}`, {canvas, drawn: 0});
  return figure;
}

/** One binary message: length of the head, head, pictures. */
function update(buffer) {
  const size = new DataView(buffer).getUint32(0);
  const head = JSON.parse(text.decode(new Uint8Array(buffer, 4, size)));
  let begin = 4 + size;
  const newest = head.samples[head.samples.length - 1];
  const seconds = head.now ?? (newest ? newest.t : ''); // of the tick that is shown
  for (const picture of head.pictures) {
    show(picture, new Uint8Array(buffer, begin, picture.bytes), head.number, seconds);
    begin += picture.bytes;
  }
  if (head.ahead === null) clear('imagined');
  if (head.ahead !== undefined) imagined(head.ahead);
  if (head.state && head.state.no_belief) clear('believed');
  if (about.mode === 'live') charts.take(head.samples, head.ahead);
  else player.take(head);
  if (head.state) states(head.state);
}

/** Under what is imagined, and what a plan was chosen instead of. */
function imagined(ahead) {
  const earns = (row) => (typeof row.reward === 'number' ? `, reward ${row.reward.toFixed(2)}` : '');
  byId('under').textContent = ahead ? `Imagined under ${ahead.under}${earns(ahead)}.` : '';
  const other = ahead && ahead.rejected;
  byId('rejected').textContent = other ? `Below it, rejected: ${other.under} alone${earns(other)}.` : '';
  for (const strip of document.querySelectorAll('.strip.rejected')) strip.hidden = !other;
}

async function show(picture, bytes, number, seconds) {
  const key = `${picture.stream} ${picture.what} ${picture.in_s}`;
  if (!canvases.has(key)) {
    const kind = picture.what === 'rejected' ? '.strip.rejected' : '.strip';
    const strip = document.querySelector(`[data-stream="${CSS.escape(picture.stream)}"] ${kind}`);
    if (!strip) return;
    strip.append(frame(picture.stream, picture.what, picture.in_s, `+${picture.in_s.toFixed(1)} s`));
  }
  const entry = canvases.get(key);
  const bitmap = await createImageBitmap(new Blob([bytes], {type: 'image/png'}));
  if (number < entry.drawn) return; // overtaken by a newer one
  entry.drawn = number;
  if (entry.canvas.width !== bitmap.width || entry.canvas.height !== bitmap.height) {
    entry.canvas.width = bitmap.width;
    entry.canvas.height = bitmap.height;
  }
  entry.canvas.getContext('2d').drawImage(bitmap, 0, 0);
  entry.canvas.dataset.seconds = seconds;
  entry.canvas.dataset.number = number; // last: who measures waits for it
  bitmap.close();
}

function clear(what) {
  for (const [key, {canvas}] of canvases) {
    if (key.split(' ')[1] === what) canvas.getContext('2d').clearRect(0, 0, canvas.width, canvas.height);
  }
}

function item(tag, words, kind = '') {
  const element = document.createElement(tag);
  element.textContent = words;
  if (kind) element.className = kind;
  return element;
}

const number = (value, digits = 1) => (typeof value === 'number' ? value.toFixed(digits) : '–');
/** Of an imagined robot: how much of what it shows is known from recordings. */
const known = (fade) => `imagined robot${typeof fade === 'number' ? `, ${Math.round(100 * (1 - fade))} % known` : ''}`;
const level = (value) => ['good', 'warn', 'bad'][value] || '';

function states(state) {
  const {agent, guard, episode, release} = state;
  const where = episode.uuid ? `${episode.ended ? 'ended' : 'episode'} ${episode.uuid.slice(0, 8)}, tick ${episode.tick}` : 'no episode';
  const acts = release.acting ? `release ${release.acting}` : release.bundle ? `bundle ${release.bundle}` : 'no model';
  const guardLevel = guard.state === 'recorded' ? '' : guard.stopped || !guard.state ? 'bad' : guard.state === 'active' && guard.enabled ? 'good' : 'warn';
  const dead = (state.alarms || []).some((words) => words.startsWith('agent:'));
  byId('chips').replaceChildren(
    item('li', `agent: ${dead ? 'silent' : agent.text || 'not heard'}`, dead ? 'bad' : level(agent.level)),
    item('li', guard.state ? `guard: ${guard.stopped ? `stopped: ${guard.stopped}` : guard.state}` : 'guard: silent', guardLevel),
    item('li', where + (episode.explore ? ', exploring' : '') + (episode.eval ? ', evaluation' : '')),
    item('li', acts),
    ...(state.imagined ? [item('li', known(state.imagined.fade), state.imagined.fade ? 'warn' : '')] : []),
  );
  byId('pictures').style.setProperty('--fade', (state.imagined && state.imagined.fade) || 0);
  byId('stop').classList.toggle('done', Boolean(guard.stopped));
  const alarms = state.alarms || [];
  alarm(alarms);
  const note = byId('no_belief');
  note.hidden = !state.no_belief;
  note.textContent = state.no_belief ? `No pictures of what it believes: ${state.no_belief}.` : '';
  inside.take(state.inside);
  charts.limitSurprise(state.surprise.limit);
  const marks = state.marks || [];
  charts.mark(marks);
  const knock = marks.findLast((mark) => mark.knock);
  const live = about.mode === 'live';
  const rows = [
    ['guard', live && guard.text],
    ['decided by', episode.source || '–'],
    ['return', number(episode.return)],
    ['returns', episode.returns.map((row) => row.value.toFixed(0)).join('  ') || '–'],
    ['release', [acts, release.sha && `(${release.sha})`].filter(Boolean).join(' ')],
    ['useful horizon', state.horizon],
    ['next', release.next || '–'],
    ['rolled back', release.rolled_back],
    ['tick', live && `p50 ${number(state.tick_ms.p50)} ms, p99 ${number(state.tick_ms.p99)} ms of ${number(about.budget_ms, 0)} ms`],
    ['ticks', live && `${number(state.counts.late, 0)} late, ${number(state.counts.skipped, 0)} skipped, ${number(state.counts.invalid, 0)} invalid`],
    ['surprise', live && `mean ${number(state.surprise.mean)}, limit ${number(state.surprise.limit)}`],
    ['last recorded', state.recorder],
    ['label', state.outcome_problem],
    ['changed', knock && `${knock.words}, at ${new Date(knock.t_ms).toLocaleTimeString()}`],
    ['world', state.imagined && state.imagined.words],
    ...state.nodes.filter((node) => node.name !== 'agent' && node.name !== 'guard').map((node) => [node.name, node.text]),
  ].filter(([, words]) => words && words !== '–');
  byId('state').replaceChildren(...rows.flatMap(([name, words]) => [item('dt', name), item('dd', words)]));
  const faults = state.faults.map((fault) => {
    const times = fault.count > 1 ? ` ${fault.count}×` : '';
    const row = item('li', `${fault.who}: ${fault.what}${times}${fault.reason ? `: ${fault.reason}` : ''}`, fault.now ? 'now' : '');
    if (fault.remedy) row.append(item('span', `→ ${fault.remedy}`, 'remedy'));
    return row;
  });
  byId('faults').replaceChildren(...(faults.length ? faults : [item('li', 'none', 'soft')]));
  const dropped = Object.entries(state.dropped || {}).map(([what, count]) => `${count} ${what}`).join(', ');
  byId('footer').textContent = [
    state.viewers ? `${state.viewers} ${state.viewers === 1 ? 'viewer' : 'viewers'}` : '',
    state.driven ? 'a person drives' : '',
    state.unrebuilt ? `${state.unrebuilt} ticks could not be made again: messages were lost on their way here` : '',
    dropped ? `dropped: ${dropped}` : '',
  ].filter(Boolean).join(' · ');
}

function alarm(words) {
  const banner = byId('alarm');
  banner.hidden = !words.length;
  banner.textContent = words.join(' · ');
}

setInterval(() => {
  if (about && about.mode === 'live' && performance.now() - heardMs > SILENT_MS) {
    alarm([`no word from the view for ${((performance.now() - heardMs) / 1000).toFixed(0)} s: what is shown is old`]);
  }
}, 250);
connect();

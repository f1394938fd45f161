// Copyright 2026 The world_model_ros authors. SPDX-License-Identifier: Apache-2.0
// What a person does to the robot: buttons, the stop, and driving by keys, held buttons or a gamepad.

const DRIVE_MS = 60; // between directions; the guard's patience is a few of them
const DEAD_ZONE = 0.15; // of a gamepad's sticks, which rest nowhere exactly
const ANSWER_MS = 4000; // for a stop: then the hardware stop is named
const PAIRS = [['ArrowLeft', 'ArrowRight'], ['ArrowDown', 'ArrowUp'], ['a', 'd'], ['s', 'w'], ['j', 'l'], ['k', 'i'], ['n', 'm'], ['y', 'u']];
const SHOWN = {ArrowLeft: '←', ArrowRight: '→', ArrowDown: '↓', ArrowUp: '↑'};
const byId = (id) => document.getElementById(id);

export class Hands {
  /** `send` returns whether there is a connection. */
  constructor(send) {
    this.send = send;
    this.mayAct = false;
    this.number = 0;
    this.held = new Set(); // joint and sign, as '0+'
    this.timer = null;
    byId('stop').addEventListener('click', () => this.stop());
    for (const button of document.querySelectorAll('[data-do]')) {
      button.addEventListener('click', () => this.do(button.dataset.do));
    }
    byId('unlock').addEventListener('submit', (event) => {
      event.preventDefault();
      this.unlock(byId('token').value.trim());
      byId('token').value = '';
    });
    byId('drive').addEventListener('change', (event) => this.takeOver(event.target.checked));
    addEventListener('keydown', (event) => this.key(event, true));
    addEventListener('keyup', (event) => this.key(event, false));
    addEventListener('blur', () => this.takeOver(false));
    addEventListener('storage', (event) => { // another robot's page beside this one was unlocked
      if (event.key === 'token' && event.newValue && !this.mayAct) this.unlock(event.newValue);
    });
    document.addEventListener('visibilitychange', () => document.hidden && this.takeOver(false));
  }

  begin(about) {
    this.actions = about.actions;
    const able = about.hands.length > 0;
    byId('hands').hidden = !able;
    byId('stop').hidden = !able;
    this.lock();
    const token = new URLSearchParams(location.hash.slice(1)).get('token');
    if (token) {
      sessionStorage.setItem('token', token);
      history.replaceState(null, '', location.pathname); // not for who looks over the shoulder
    }
    const known = sessionStorage.getItem('token');
    if (able && known) this.unlock(known);
    const rows = this.actions.slice(0, PAIRS.length).map((action, joint) => this.row(action, joint));
    byId('joints').replaceChildren(...rows);
  }

  row(action, joint) {
    const row = document.createElement('div');
    row.className = 'joint';
    const name = document.createElement('span');
    name.textContent = action.label;
    row.append(name);
    PAIRS[joint].forEach((key, side) => {
      const button = document.createElement('button');
      const what = `${joint}${side ? '+' : '-'}`;
      button.type = 'button';
      button.dataset.hold = what;
      button.textContent = SHOWN[key] || key.toUpperCase();
      button.setAttribute('aria-label', `${action.label} ${side ? 'up' : 'down'}`);
      button.addEventListener('pointerdown', (event) => {
        button.setPointerCapture(event.pointerId);
        this.hold(what, true);
      });
      for (const end of ['pointerup', 'pointercancel', 'lostpointercapture']) {
        button.addEventListener(end, () => this.hold(what, false));
      }
      row.append(button);
    });
    return row;
  }

  unlock(token) {
    this.offered = token;
    this.send({token, number: ++this.number});
  }

  lock() {
    this.mayAct = false;
    this.takeOver(false);
    byId('locked').hidden = false;
    byId('acts').hidden = true;
    byId('stop').classList.add('locked');
  }

  stop() {
    if (!this.mayAct) {
      this.say('Looking only: the stop needs the token.', true);
      return;
    }
    this.takeOver(false);
    const number = this.do('stop');
    this.waiting = setTimeout(() => {
      this.say('The stop was not answered: use the hardware stop!', true);
    }, ANSWER_MS);
    this.stopNumber = number;
  }

  do(what) {
    this.say(`${what.replace('_', ' ')} …`, false);
    const number = ++this.number;
    if (!this.send({do: what, number})) {
      this.say(what === 'stop' ? 'Not connected: use the hardware stop!' : 'Not connected.', true);
    }
    return number;
  }

  take(answer) {
    if (answer.kind === 'token') {
      if (answer.done) {
        sessionStorage.setItem('token', this.offered);
        this.mayAct = true;
        byId('locked').hidden = true;
        byId('acts').hidden = false;
        byId('stop').classList.remove('locked');
        this.say('You may act.', false);
      } else {
        sessionStorage.removeItem('token');
        this.say(answer.words, true);
      }
      return;
    }
    if (answer.number === this.stopNumber) clearTimeout(this.waiting);
    if (answer.kind === 'drive') {
      this.takeOver(false);
      this.say(answer.words, true);
      return;
    }
    const what = (answer.what || answer.kind).replace('_', ' ');
    this.say(`${what}: ${answer.done ? 'done' : 'not done'}${answer.words ? `: ${answer.words}` : ''}`, !answer.done);
  }

  say(words, bad) {
    byId('answer').textContent = words;
    byId('answer').classList.toggle('bad', bad);
  }

  /** Begin or end to drive; while it lasts directions go out all the time, zeros too. */
  takeOver(on) {
    const box = byId('drive');
    box.checked = on;
    byId('joints').hidden = !on;
    if (!on) {
      if (this.timer !== null) {
        clearInterval(this.timer);
        this.timer = null;
        this.send({drive: []});
      }
      for (const what of [...this.held]) this.hold(what, false);
      return;
    }
    box.blur();
    if (this.timer === null) this.timer = setInterval(() => this.send({drive: this.directions()}), DRIVE_MS);
  }

  directions() {
    const sticks = [...navigator.getGamepads()].find((pad) => pad && pad.connected)?.axes || [];
    return this.actions.map((_, joint) => {
      const keys = (this.held.has(`${joint}+`) ? 1 : 0) - (this.held.has(`${joint}-`) ? 1 : 0);
      const stick = Math.abs(sticks[joint] || 0) > DEAD_ZONE ? sticks[joint] : 0;
      return Math.max(-1, Math.min(1, keys + stick));
    });
  }

  hold(what, on) {
    if (on) this.held.add(what);
    else this.held.delete(what);
    const button = document.querySelector(`[data-hold="${what}"]`);
    if (button) button.classList.toggle('held', on);
  }

  key(event, down) {
    if (event.target instanceof HTMLInputElement && event.target.type !== 'checkbox') return;
    if (event.key === ' ' && !byId('stop').hidden) {
      event.preventDefault(); // not a click on the button that has the focus, nor a page further
      if (down && !event.repeat) this.stop();
      return;
    }
    if (event.key === 'Escape' && down) this.takeOver(false);
    if (this.timer === null) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    PAIRS.forEach((pair, joint) => {
      const side = pair.indexOf(key);
      if (side < 0 || joint >= this.actions.length) return;
      event.preventDefault();
      this.hold(`${joint}${side ? '+' : '-'}`, down);
    });
  }
}

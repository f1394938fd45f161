// Copyright 2026 The world_model_ros authors. SPDX-License-Identifier: Apache-2.0
// A recorded episode: play, pause and scrub. The next tick is asked for when this one is shown.

const byId = (id) => document.getElementById(id);

export class Player {
  constructor(send, charts) {
    this.send = send;
    this.charts = charts;
    this.at = 0;
    this.wanted = null; // a tick that was asked for
    this.playing = false;
    byId('play').addEventListener('click', () => this.play(!this.playing));
    byId('scrub').addEventListener('input', (event) => {
      this.play(false);
      this.ask(Number(event.target.value));
    });
  }

  begin(about) {
    byId('player').hidden = about.mode !== 'episode';
    if (about.mode !== 'episode') return;
    this.about = about;
    byId('scrub').max = about.ticks - 1;
    this.wanted = null;
    this.ask(0);
  }

  play(on) {
    this.playing = on;
    byId('play').textContent = on ? 'Pause' : 'Play';
    if (on) this.ask(this.at + 1 < this.about.ticks ? this.at + 1 : 0);
  }

  /** Ask for a tick; one at a time, the last wish counts. */
  ask(tick) {
    if (this.wanted !== null) {
      this.next = tick;
      return;
    }
    this.wanted = tick;
    this.askedMs = performance.now();
    this.send({show: tick});
  }

  take(head) {
    this.at = head.place;
    this.wanted = null;
    byId('scrub').value = this.at;
    byId('at').textContent = `tick ${head.state.episode.tick}, ${head.seconds.toFixed(1)} s`;
    if (head.samples.length) this.samples = head.samples;
    this.charts.show(this.samples, head.now, head.ahead || null);
    if (this.next !== undefined) {
      const next = this.next;
      this.next = undefined;
      this.ask(next);
    } else if (this.playing) {
      if (this.at + 1 >= this.about.ticks) {
        this.play(false);
        return;
      }
      const spentMs = performance.now() - this.askedMs;
      setTimeout(() => this.playing && this.ask(this.at + 1), Math.max(0, 1000 * this.about.period_s - spentMs));
    }
  }
}

// Copyright 2026 The world_model_ros authors. SPDX-License-Identifier: Apache-2.0
// Curves over the last seconds and the imagined next one, drawn on canvases; owns nothing else.

const SHOWN_SEC = 10;
const PADDING = 13; // above and below: room for the ends of the scale

/** Reads a place of a sample: 'seen.joints.2' -> sample.seen.joints[2]; null where there is none. */
function at(sample, path) {
  let value = sample;
  for (const key of path) {
    if (value === null || value === undefined) return null;
    value = value[key];
  }
  return typeof value === 'number' ? value : null;
}

function short(value) {
  if (value === null || value === undefined) return '–';
  const size = Math.abs(value);
  return size !== 0 && (size < 0.01 || size >= 1e5) ? value.toExponential(1) : value.toFixed(size < 10 ? 3 : 1);
}

export class Charts {
  constructor(root) {
    this.root = root;
    this.charts = [];
    this.samples = [];
    this.ahead = null;
    this.marks = [];
    this.now = null; // seconds; null: the newest sample
    this.dirty = false;
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.draw());
    addEventListener('resize', () => this.draw());
  }

  /** Lay out a figure for each curve of a robot. */
  begin(about) {
    this.about = about;
    this.samples = [];
    this.charts = [];
    this.root.replaceChildren();
    for (const vector of about.vectors) {
      for (const curve of vector.curves) {
        this.add(`${vector.name}: ${curve.label}`, [
          {path: ['seen', vector.name, curve.place], color: '--seen'},
          {path: ['believed', vector.name, curve.place], color: '--believed', ahead: [vector.name, curve.place]},
        ], [curve.low, curve.high]);
      }
    }
    about.actions.forEach((action, place) => {
      this.add(`sent: ${action.label} (${action.unit})`, [{path: ['sent', place], color: '--seen'}], [action.low, action.high]);
    });
    this.surprise = this.add('surprise (nat)', [{path: ['surprise'], color: '--believed'}], []);
    this.add('reward', [{path: ['reward'], color: '--seen'}, {path: ['predicted'], color: '--believed'}], []);
    this.add('value', [{path: ['value'], color: '--believed'}], []);
    this.add('tick, 99th percentile (ms)', [{path: ['tick_ms'], color: '--seen'}], [about.budget_ms]);
    this.add('command late by (ms)', [{path: ['late_ms'], color: '--seen'}], [0]);
  }

  add(label, series, limits) {
    const figure = document.createElement('figure');
    const caption = document.createElement('figcaption');
    const name = document.createElement('span');
    const value = document.createElement('span');
    const canvas = document.createElement('canvas');
    name.textContent = label;
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', label);
    caption.append(name, value);
    figure.append(caption, canvas);
    this.root.append(figure);
    const chart = {series, canvas, value, limits: limits.filter((limit) => typeof limit === 'number')};
    this.charts.push(chart);
    return chart;
  }

  /** Take in what is new; time that goes back begins the curves again. */
  take(samples, ahead) {
    for (const sample of samples) {
      const last = this.samples[this.samples.length - 1];
      if (last && sample.t < last.t) this.samples = [];
      this.samples.push(sample);
    }
    if (this.samples.length > this.about.kept) this.samples.splice(0, this.samples.length - this.about.kept);
    if (ahead !== undefined) this.ahead = ahead;
    this.now = null;
    this.draw();
  }

  /** Show all samples of an episode at once, and where in it one is. */
  show(samples, now, ahead) {
    this.samples = samples;
    this.now = now;
    this.ahead = ahead;
    this.draw();
  }

  /** Moments to be shown on all curves: `t_ms`, `words`, `knock`. */
  mark(marks) {
    this.marks = marks;
  }

  limitSurprise(limit) {
    if (this.surprise) this.surprise.limits = typeof limit === 'number' ? [limit] : [];
  }

  draw() {
    if (this.dirty) return;
    this.dirty = true;
    requestAnimationFrame(() => {
      this.dirty = false;
      const style = getComputedStyle(document.documentElement);
      const newest = this.samples[this.samples.length - 1];
      if (!newest) return;
      const now = this.now === null ? newest.t : this.now;
      const from = now - SHOWN_SEC;
      const until = now + this.about.ahead_s;
      const shown = this.samples.filter((sample) => sample.t >= from && sample.t <= now);
      for (const chart of this.charts) this.drawOne(chart, shown, from, until, now, style);
    });
  }

  drawOne(chart, shown, from, until, now, style) {
    const scale = devicePixelRatio || 1;
    const {canvas} = chart;
    const width = canvas.clientWidth;
    const height = canvas.clientHeight;
    if (!width) return;
    if (canvas.width !== Math.round(width * scale)) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
    }
    const pen = canvas.getContext('2d');
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, height);
    const lines = chart.series.map((series) => ({
      color: style.getPropertyValue(series.color).trim(),
      points: shown.map((sample) => [sample.t, at(sample, series.path), sample.first]),
      ahead: series.ahead && this.ahead ? this.future(series, shown) : [],
    }));
    const values = [...chart.limits];
    for (const line of lines) for (const [, value] of [...line.points, ...line.ahead]) if (value !== null) values.push(value);
    let low = Math.min(...values);
    let high = Math.max(...values);
    if (!values.length) [low, high] = [0, 1];
    if (high - low < 1e-9) { low -= 0.5; high += 0.5; }
    const x = (t) => ((t - from) / (until - from)) * width;
    const y = (value) => height - PADDING - ((value - low) / (high - low)) * (height - 2 * PADDING);
    pen.lineWidth = 1;
    pen.strokeStyle = style.getPropertyValue('--line').trim();
    this.stroke(pen, [[x(now), 0], [x(now), height]]);
    for (const mark of this.marks) {
      const t = mark.t_ms / 1000;
      if (t < from || t > now) continue;
      pen.strokeStyle = pen.fillStyle = style.getPropertyValue(mark.knock ? '--bad' : '--limit').trim();
      this.stroke(pen, [[x(t), 0], [x(t), height]]);
      pen.font = '10px system-ui, sans-serif';
      pen.textAlign = x(t) > width / 2 ? 'right' : 'left';
      pen.fillText(mark.words, x(t) + (x(t) > width / 2 ? -3 : 3), 10);
      pen.textAlign = 'left';
    }
    pen.strokeStyle = style.getPropertyValue('--limit').trim();
    pen.setLineDash([2, 3]);
    for (const limit of chart.limits) this.stroke(pen, [[0, y(limit)], [width, y(limit)]]);
    pen.lineWidth = 1.6;
    for (const line of lines) {
      pen.strokeStyle = line.color;
      pen.setLineDash([]);
      let run = [];
      for (const [t, value, first] of line.points) {
        if (value === null || first) { this.stroke(pen, run); run = []; }
        if (value !== null) run.push([x(t), y(value)]);
      }
      this.stroke(pen, run);
      pen.setLineDash([4, 3]);
      this.stroke(pen, line.ahead.map(([t, value]) => [x(t), y(value)]));
    }
    pen.setLineDash([]);
    pen.fillStyle = style.getPropertyValue('--soft').trim();
    pen.font = '10px system-ui, sans-serif';
    pen.fillText(short(high), 3, 10);
    pen.fillText(short(low), 3, height - 3);
    const last = shown[shown.length - 1];
    chart.value.textContent = last ? chart.series.map((series) => short(at(last, series.path))).join(' | ') : '–';
  }

  /** Where a curve is imagined to go on: from what is believed now. */
  future(series, shown) {
    const [stream, place] = series.ahead;
    const rows = this.ahead.numbers[stream] || [];
    const last = shown[shown.length - 1];
    const points = rows.map((row, i) => [this.ahead.t + this.ahead.in_s[i], row[place] ?? null]);
    const begin = last ? [[last.t, at(last, series.path)]] : [];
    return [...begin, ...points].filter(([, value]) => value !== null);
  }

  stroke(pen, points) {
    if (points.length < 2) return;
    pen.beginPath();
    points.forEach(([px, py], i) => (i ? pen.lineTo(px, py) : pen.moveTo(px, py)));
    pen.stroke();
  }
}

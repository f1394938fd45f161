// Copyright 2026 The world_model_ros authors. SPDX-License-Identifier: Apache-2.0
// "Step inside here": the command that begins an imagined robot at the moment that is shown.

const byId = (id) => document.getElementById(id);

export class Inside {
  constructor() {
    this.line = '';
    byId('inside').addEventListener('click', () => this.give());
  }

  take(line) {
    this.line = line || '';
    byId('inside').disabled = !this.line;
  }

  /** Show the line and copy it, where the browser lets a page do that. */
  async give() {
    byId('inside_line').textContent = this.line;
    byId('inside_words').textContent = 'Paste this into a terminal:';
    byId('inside_given').hidden = false;
    try {
      await navigator.clipboard.writeText(this.line);
      byId('inside_words').textContent = 'Copied. Paste it into a terminal:';
    } catch {
      // The line stands on the page, to be copied by hand.
    }
  }
}

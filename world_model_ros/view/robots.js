// Copyright 2026 The world_model_ros authors. SPDX-License-Identifier: Apache-2.0
// Several robots side by side: the page of each in a frame, and one stop for all of them.

const byId = (id) => document.getElementById(id);

function column(name) {
  const section = document.createElement('section');
  const heading = document.createElement('h2');
  const link = document.createElement('a');
  const frame = document.createElement('iframe');
  link.href = frame.src = `/robot/${name}/`;
  link.textContent = frame.title = name;
  heading.append(link);
  section.append(heading, frame);
  return section;
}

/** Each page stops its robot, and says there what came of it. */
function stopAll() {
  for (const frame of document.querySelectorAll('iframe')) {
    const button = frame.contentDocument && frame.contentDocument.getElementById('stop');
    if (button) button.click();
  }
}

const token = new URLSearchParams(location.hash.slice(1)).get('token');
if (token) {
  sessionStorage.setItem('token', token); // the frames take it from there
  history.replaceState(null, '', location.pathname); // not for who looks over the shoulder
}
byId('stop_all').addEventListener('click', stopAll);
addEventListener('keydown', (event) => {
  if (event.key !== ' ') return;
  event.preventDefault();
  if (!event.repeat) stopAll();
});
const names = await (await fetch('/robots.json')).json();
byId('count').textContent = `${names.length} robots`;
byId('robots').replaceChildren(...names.map(column));

// A board's address in, the board on the screen out, renewed by each snapshot of the stream.

import { heatmap, timeseries } from './chart.js';
import { el } from './dom.js';
import { Format } from './format.js';
import { bargauge, stat, table, text } from './panels.js';

const DRAW = { stat, table, bargauge, text, timeseries, heatmap };
const ROW = 38; // Grafana's 30 px and 8 px between
const SCREEN_ROWS = 28;
const OLD_S = 60; // numbers that are further behind are not the present
const SILENT_MS = 6000; // beyond the board's own pace: then nothing is known any more

const uid = location.pathname.split('/').pop();
const query = new URLSearchParams(location.search);
const top = document.getElementById('top');
const main = document.getElementById('board');
const stale = document.getElementById('stale');
const pace = (refresh) => 1000 * Number.parseInt(refresh, 10) * (refresh.endsWith('m') ? 60 : 1);

// How far the numbers are behind, as the panel says that has it; 0 where none has.
function ageOf({ panels }) {
  const frame = Object.values(panels).find(({ names }) => names?.[0] === 'age');
  return frame?.values[0][0] ?? 0;
}

class Tip {
  constructor(element) { this.element = element; }

  show(event, head, rows) {
    this.element.replaceChildren(el('b', {}, head), ...rows.map(([name, value]) => el('div', {},
      el('span', {}, name), el('span', {}, value))));
    this.element.hidden = false;
    const { width, height } = this.element.getBoundingClientRect();
    const left = event.clientX + 16 + width > innerWidth ? event.clientX - width - 16 : event.clientX + 16;
    this.element.style.left = `${Math.max(4, left)}px`;
    this.element.style.top = `${Math.max(4, Math.min(event.clientY - height / 2, innerHeight - height - 4))}px`;
  }

  hide() { this.element.hidden = true; }
}

class Board {
  constructor(model) {
    this.model = model;
    this.format = new Format(model.lang, model.timezone);
    this.tip = new Tip(document.getElementById('tip'));
    this.bodies = new Map();
    this.drawn = new Map();
    this.opened = new Set(); // panels whose table shows all its rows
    this.last = null;
    this.heard = performance.now();
    this.rows = Math.max(...model.panels.map(({ gridPos: g }) => g.y + g.h));
  }

  build() {
    const { model } = this;
    document.title = `${model.title} · Goldpan`;
    document.documentElement.classList.toggle('kiosk', query.has('kiosk'));
    main.classList.toggle('fits', this.rows <= SCREEN_ROWS);
    main.style.setProperty('--rows', this.rows);
    main.style.setProperty('--row', `${ROW}px`);
    main.replaceChildren(...model.panels.map((panel) => this.place(panel)));
    this.clock = el('time', { id: 'clock' });
    this.pulse = el('span', { id: 'pulse', title: this.format.words.live });
    this.choices = el('form', { id: 'choices' });
    top.replaceChildren(
      el('a', { id: 'brand', href: '/' }, el('img', { src: new URL('icon.svg', import.meta.url).pathname, alt: '' }), 'Goldpan'),
      el('h1', {}, model.title), this.choices,
      el('nav', {}, ...model.links.map((link) => el('a', { href: this.address(link.url, link) }, link.title))),
      this.pulse, this.clock,
    );
    new ResizeObserver(() => { this.drawn.clear(); this.draw(); }).observe(main);
    setInterval(() => this.watch(), 500);
  }

  place(panel) {
    const { x, y, w, h } = panel.gridPos;
    const body = el('div', { class: 'body' }, el('p', { class: 'empty' }, this.format.words.loading));
    this.bodies.set(panel.id, body);
    return el('section', {
      class: panel.type, 'data-panel': panel.id,
      style: { 'grid-area': `${y + 1} / ${x + 1} / span ${h} / span ${w}` },
    }, el('h2', { title: panel.description }, panel.title), body);
  }

  // Another board's address, with what this one has chosen.
  address(url, { includeVars, keepTime }) {
    const kept = new URLSearchParams();
    for (const [name, value] of query) {
      if (name === 'kiosk' || (includeVars && name.startsWith('var-')) || (keepTime && name === 'from')) kept.append(name, value);
    }
    return kept.size ? `${url}?${kept}` : url;
  }

  // A data link: Grafana's ${__data.fields.x} and ${name:queryparam}.
  link(url, frame, row) {
    return url.replace(/\$\{__data\.fields\.(\w+)\}/g, (_, name) => (
      encodeURIComponent(frame.values[frame.names.indexOf(name)][row])
    )).replace(/\$\{(\w+):queryparam\}/g, (_, name) => {
      const variable = this.last.variables.find((v) => v.name === name);
      return `var-${name}=${encodeURIComponent(variable?.value ?? '')}`;
    });
  }

  receive(snapshot) {
    this.heard = performance.now();
    if (snapshot.stale) {
      this.say(this.format.words.store, snapshot.seen);
      return;
    }
    this.last = snapshot;
    const age = ageOf(snapshot);
    if (age > OLD_S) this.say(this.format.words.behind, snapshot.at - 1000 * age);
    else this.unsay();
    this.pulse.classList.remove('beat');
    requestAnimationFrame(() => this.pulse.classList.add('beat'));
    this.choose(snapshot);
    this.draw();
  }

  draw() {
    if (!this.last) return;
    for (const panel of this.model.panels) {
      const frame = panel.type === 'text' ? {} : this.last.panels[panel.id];
      const moves = panel.type === 'timeseries' ? `${this.last.from} ` : '';
      const said = moves + JSON.stringify(frame);
      if (this.drawn.get(panel.id) === said) continue;
      this.drawn.set(panel.id, said);
      this.paint(panel, frame);
    }
    document.documentElement.dataset.ticks = Number(document.documentElement.dataset.ticks ?? 0) + 1;
  }

  paint(panel, frame) {
    const body = this.bodies.get(panel.id);
    if (frame.error) {
      body.replaceChildren(el('p', { class: 'empty', title: frame.error }, this.format.words.error));
      return;
    }
    const context = {
      format: this.format, tip: this.tip, now: this.last.at, from: this.last.from, to: this.last.to,
      link: (...asked) => this.link(...asked), opened: this.opened.has(panel.id), open: () => this.open(panel, frame),
    };
    const size = { width: body.clientWidth, height: body.clientHeight };
    body.replaceChildren(...DRAW[panel.type](panel, frame, context, size).filter(Boolean));
  }

  // Show all rows of a table, or no more than fit again.
  open(panel, frame) {
    if (!this.opened.delete(panel.id)) this.opened.add(panel.id);
    this.bodies.get(panel.id).classList.toggle('open', this.opened.has(panel.id));
    this.paint(panel, frame);
  }

  // Variables, and the times that the board offers.
  choose({ variables, start }) {
    const ranges = this.model.timepicker?.quick_ranges ?? [];
    const said = JSON.stringify([variables, start]);
    if (said === this.chosen) return;
    this.chosen = said;
    const go = (name, value) => { query.set(name, value); location.search = query; };
    const list = (label, options, value, name) => {
      const select = el('select', { 'aria-label': label }, ...options.map(([key, shown]) => {
        const option = el('option', { value: key }, shown);
        option.selected = key === value;
        return option;
      }));
      select.addEventListener('change', () => go(name, select.value));
      return select;
    };
    const shown = variables.filter((v) => !v.hidden && v.options.length);
    // A board with one range says which.
    const minutes = ranges.length ? null : /^now-(\d+)m$/.exec(start);
    this.choices.replaceChildren(
      ...shown.map((v) => (v.options.length > 1 ? list(v.label, v.options, v.value, `var-${v.name}`)
        : el('span', { class: 'only' }, v.options[0][1]))),
      ...ranges.map((range) => {
        const button = el('button', { type: 'button', class: range.from === start ? 'on' : null }, range.display);
        button.addEventListener('click', () => go('from', range.from));
        return button;
      }),
      ...(minutes ? [el('span', { class: 'only' }, this.format.words.last(minutes[1]))] : []),
    );
  }

  watch() {
    const now = Date.now();
    this.clock.textContent = this.format.clock.format(now);
    if (performance.now() - this.heard > pace(this.model.refresh) + SILENT_MS) {
      this.say(this.format.words.waiting, this.last?.at ?? 0);
    }
  }

  say(why, seen) {
    const { words } = this.format;
    const since = seen ? `${words.since} ${this.format.instant(seen, Date.now())}` : words.never;
    stale.replaceChildren(el('b', {}, words.stale), ` ${since} · ${why}`);
    stale.hidden = false;
    document.documentElement.classList.add('stale');
  }

  unsay() {
    stale.hidden = true;
    document.documentElement.classList.remove('stale');
  }
}

function follow(board) {
  const stream = new EventSource(`/viewer/stream/${uid}?${query}`);
  stream.onmessage = ({ data }) => board.receive(JSON.parse(data));
  // The browser tries again by itself, unless it was refused: then we do.
  stream.onerror = () => {
    if (stream.readyState === EventSource.CLOSED) setTimeout(follow, 3000, board);
  };
}

const answer = await fetch(`/viewer/boards/${uid}`);
const board = new Board(await answer.json());
board.build();
board.watch();
follow(board);


// A panel and its frame of columns in, elements out: stat, table, bargauge and text.

import { el } from './dom.js';
import { fieldOf, inkOn } from './format.js';

// How wide a text is, in times its size: so that it gets smaller before it is cut off.
const pen = document.createElement('canvas').getContext('2d');
pen.font = `600 100px ${getComputedStyle(document.documentElement).fontFamily}`;
const widthOf = (text) => pen.measureText(text).width / 100;

// The first field large, the following as bands below it, each in its own colour.
export function stat(panel, frame, context) {
  const fields = frame.names.map((name, at) => {
    const field = fieldOf(panel, name);
    const values = frame.values[at].filter((value) => value !== null);
    const value = values.length ? values[values.length - 1] : null;
    return context.format.show(value, field, frame.kinds[at], context.now);
  });
  const [first, ...others] = fields;
  const ems = widthOf(first.text) + (first.unit ? 0.12 + 0.45 * widthOf(first.unit) : 0);
  const value = el('div', { class: first.none ? 'value none' : 'value', style: { '--ems': ems } }, el('span', {}, first.text),
    first.unit ? el('small', {}, first.unit) : null);
  const bands = others.map((band) => el('div', {
    class: 'band', style: { background: band.colour, color: inkOn(band.colour ?? '#000000') },
  }, band.text));
  // Without a band its room stays free, so that numbers side by side stand on one line.
  return [value, ...(bands.length ? bands : [el('div', { class: 'band' }, '\u00a0')])];
}

const LINE = 1.7; // the height of a table's line, in times its letters
const SMALL = 0.78; // heads and units, in times the letters
const SPARE = 12; // around a table, px
const BESIDE = 16; // around a cell, px
const WIDEST = 16; // of the column that may be cut off, in times the letters

// How large a table's letters are, and how many of its rows then stand whole in its panel: as large
// as rows and columns leave room for, never too small to be read, and one line is for what is left
// out. Columns are given by their widths, in times the letters.
function measure(rows, all, columns, { width, height }) {
  const [least, most] = [Math.max(12, 0.0165 * innerHeight), 0.022 * innerHeight];
  const lines = 1 + Math.max(rows, 6) + (all > rows ? 1 : 0);
  const high = Math.min(Math.max((height - SPARE) / lines / LINE, least), Math.max(least, most));
  const across = (width - SPARE - BESIDE * columns.length) / columns.reduce((sum, one) => sum + one, 0);
  const letters = Math.max(11, Math.min(high, across));
  const line = Math.floor(letters * LINE);
  const room = Math.floor((height - SPARE) / line) - 1;
  return { letters, line, whole: Math.max(0, Math.min(rows, all > room ? room - 1 : room)) };
}

export function table(panel, frame, context, size) {
  const rows = frame.values[0]?.length ?? 0;
  const all = frame.values[frame.names.indexOf('in_all')]?.[0] ?? rows;
  const { noValue } = panel.fieldConfig.defaults;
  if (!rows) return [el('p', { class: 'empty' }, noValue.length > 1 ? noValue : context.format.words.nodata)];
  const shown = frame.names.map((name, at) => ({ field: fieldOf(panel, name), at }))
    .filter(({ field }) => !field.custom.hideFrom?.viz)
    .map(({ field, at }) => columnOf(field, frame, at, context));
  // The first column of text takes the room that the others leave, and is cut off where there is none.
  const wide = shown.find(({ field, at }) => frame.kinds[at] === 'text' && !field.custom.width);
  if (wide) wide.class += ' wide';
  const widths = shown.map((column) => (column === wide ? Math.min(column.ems, WIDEST) : column.ems));
  const { letters, line, whole } = measure(rows, all, widths, size);
  const listed = context.opened ? rows : whole;
  const head = el('tr', {}, ...shown.map((column) => el('th', { class: column.class }, column.field.displayName)));
  const body = Array.from({ length: listed }, (_, row) => el('tr', {}, ...shown.map(
    (column) => cell(column, frame, row, context),
  )));
  const style = { 'font-size': `${letters}px`, '--line': `${line}px` };
  return [
    el('table', { style }, el('thead', {}, head), el('tbody', {}, ...body)),
    all > whole ? el('p', { class: 'more', style }, ...more(all - listed, rows > whole, context)) : null,
  ];
}

// A column's cells as they will be shown, and how wide the widest is, in times the letters.
function columnOf(field, frame, at, { format, now }) {
  const cells = frame.values[at].map((value) => format.show(value, field, frame.kinds[at], now));
  const filled = field.custom.cellOptions?.type === 'color-background';
  const widest = Math.max(...cells.map(({ text, unit, none }) => (
    widthOf(text) + (unit && !none ? 0.2 + SMALL * widthOf(unit) : 0))));
  const wanted = field.custom.align;
  const align = wanted && wanted !== 'auto' ? wanted : (frame.kinds[at] === 'number' ? 'right' : 'left');
  const ems = Math.max(SMALL * widthOf(field.displayName), filled ? Math.max(4.2, widest + 1.2) : widest);
  return { field, at, cells, filled, ems, class: align };
}

// How many rows are left out, in words; a click shows those that the query has given.
function more(left, can, { format, opened, open }) {
  const said = left ? format.words.more(format.number(left, 0)) : '';
  if (!can) return [said];
  const button = el('button', { type: 'button' }, opened ? format.words.fewer : said);
  button.addEventListener('click', open);
  return opened && left ? [button, ` · ${said}`] : [button];
}

function cell({ field, at, cells, filled, class: align }, frame, row, context) {
  const value = frame.values[at][row];
  const { text, unit, colour, none } = cells[row];
  const parts = [text, unit && !none ? el('small', {}, unit) : null];
  if (filled && colour) {
    const pill = el('span', { class: 'pill', style: { background: colour, color: inkOn(colour) } }, ...parts);
    return el('td', { class: align }, pill);
  }
  const judged = typeof value === 'string' && colour && field.mappings?.some((m) => m.type === 'regex');
  const content = field.links?.length
    ? [el('a', { href: context.link(field.links[0].url, frame, row) }, ...parts)] : parts;
  return el('td', {
    class: none ? `${align} none` : align, style: { color: judged ? colour : null }, title: text,
  }, ...content);
}

export function bargauge(panel, frame, context) {
  const label = frame.kinds.indexOf('text');
  const number = frame.kinds.indexOf('number');
  const values = frame.values[number] ?? [];
  if (!values.length) return [el('p', { class: 'empty' }, panel.fieldConfig.defaults.noValue)];
  const field = fieldOf(panel, frame.names[number]);
  const most = Math.max(field.max ?? 0, ...values, 1e-9);
  return [el('div', { class: 'bars' }, ...values.map((value, row) => {
    const { text, unit, colour } = context.format.show(value, field, 'number', context.now);
    return el('div', { class: 'bar' },
      el('span', { class: 'name', title: frame.values[label][row] }, frame.values[label][row]),
      el('span', { class: 'track' }, el('span', {
        class: 'fill', style: { width: `${(100 * value) / most}%`, background: colour },
      })),
      el('span', { class: 'amount' }, text, unit ? el('small', {}, unit) : null));
  }))];
}

// Of Markdown, what the boards use: paragraphs, **bold** and `code`.
export function text(panel) {
  return panel.options.content.split(/\n{2,}/).map((paragraph) => el('p', {},
    ...paragraph.split(/(\*\*[^*]+\*\*|`[^`]+`)/).map((part) => {
      if (part.startsWith('**')) return el('b', {}, part.slice(2, -2));
      return part.startsWith('`') ? el('code', {}, part.slice(1, -1)) : part;
    })));
}

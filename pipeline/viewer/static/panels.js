// A panel and its frame of columns in, elements out: stat, table, bargauge and text.

import { el } from './dom.js';
import { fieldOf, inkOn } from './format.js';

// About how wide a text is, in times its size: so that a large number gets smaller before it is cut off.
function widthOf(text) {
  return [...text].reduce((sum, letter) => sum + (letter > '\u2e7f' ? 1 : /[\p{L}\d%]/u.test(letter) ? 0.62 : 0.3), 0);
}

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
const SPARE = 12; // above and below a table, px

// How large a table's letters are, and how many of its rows then stand whole in its panel: as large
// as the rows leave room for, never too small to be read, and one line is for what is left out.
function measure(rows, all, { height }) {
  const [least, most] = [Math.max(12, 0.0165 * innerHeight), 0.022 * innerHeight];
  const lines = 1 + Math.max(rows, 6) + (all > rows ? 1 : 0);
  const letters = Math.min(Math.max((height - SPARE) / lines / LINE, least), Math.max(least, most));
  const line = Math.floor(letters * LINE);
  const room = Math.floor((height - SPARE) / line) - 1;
  return { letters, line, shown: Math.max(0, Math.min(rows, all > room ? room - 1 : room)) };
}

export function table(panel, frame, context, size) {
  const fields = frame.names.map((name) => fieldOf(panel, name));
  const shown = fields.map((field, at) => ({ field, at })).filter(({ field }) => (
    !field.custom.hideFrom?.viz));
  const rows = frame.values[0]?.length ?? 0;
  const all = frame.values[frame.names.indexOf('in_all')]?.[0] ?? rows;
  const { noValue } = panel.fieldConfig.defaults;
  if (!rows) return [el('p', { class: 'empty' }, noValue.length > 1 ? noValue : context.format.words.nodata)];
  const align = (field, at) => {
    const wanted = field.custom.align;
    return wanted && wanted !== 'auto' ? wanted : (frame.kinds[at] === 'number' ? 'right' : 'left');
  };
  // The first column of text takes the room that the others leave, and is cut off where there is none.
  const wide = shown.find(({ field, at }) => frame.kinds[at] === 'text' && !field.custom.width)?.at;
  const classes = ({ field, at }) => `${align(field, at)}${at === wide ? ' wide' : ''}`;
  const head = el('tr', {}, ...shown.map((column) => el('th', { class: classes(column) }, column.field.displayName)));
  const { letters, line, shown: whole } = measure(rows, all, size);
  const listed = context.opened ? rows : whole;
  const body = Array.from({ length: listed }, (_, row) => el('tr', {}, ...shown.map(
    (column) => cell(column.field, frame, column.at, row, classes(column), context),
  )));
  const style = { 'font-size': `${letters}px`, '--line': `${line}px` };
  return [
    el('table', { style }, el('thead', {}, head), el('tbody', {}, ...body)),
    all > whole ? el('p', { class: 'more', style }, ...more(all - listed, rows > whole, context)) : null,
  ];
}

// How many rows are left out, in words; a click shows those that the query has given.
function more(left, can, { format, opened, open }) {
  const said = left ? format.words.more(format.number(left, 0)) : '';
  if (!can) return [said];
  const button = el('button', { type: 'button' }, opened ? format.words.fewer : said);
  button.addEventListener('click', open);
  return opened && left ? [button, ` · ${said}`] : [button];
}

function cell(field, frame, at, row, align, context) {
  const value = frame.values[at][row];
  const { text, unit, colour, none } = context.format.show(value, field, frame.kinds[at], context.now);
  const parts = [text, unit && !none ? el('small', {}, unit) : null];
  const kind = field.custom.cellOptions?.type ?? 'auto';
  if (kind === 'color-background' && colour) {
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

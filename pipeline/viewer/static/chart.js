// A panel and its frame in, a drawing out: lines or stacked bars over time, and a grid of hours.

import { el, svg } from './dom.js';
import { fieldOf } from './format.js';

const MINUTE = 60e3;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const STEPS = [
  MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR,
  12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 28 * DAY,
];
const MARGIN = { top: 10, right: 14, bottom: 26 };

export function timeseries(panel, frame, context, size) {
  const series = frame.names.slice(1).map((name, at) => ({
    field: fieldOf(panel, name), values: frame.values[at + 1],
  }));
  const times = frame.values[0];
  if (!times.length) return [el('p', { class: 'empty' }, context.format.words.nodata)];
  const bars = series[0].field.custom.drawStyle === 'bars';
  const tops = bars ? times.map((_, row) => series.reduce((sum, s) => sum + (s.values[row] ?? 0), 0))
    : series.flatMap((s) => s.values);
  const legend = panel.options.legend?.showLegend ? legendOf(series, context) : null;
  const height = size.height - (legend ? 30 : 0);
  const drawing = svg('svg', { class: 'chart', width: size.width, height });
  const plot = axes(drawing, context, { width: size.width, height }, tops, series[0].field);
  drawing.append(...limits(series[0].field, plot));
  const step = stepOf(times, context);
  if (bars) drawing.append(...stacked(series, times, step, plot));
  else {
    // A step that began before the range starts left of the plot, which cuts it off.
    const wide = plot.right - plot.left;
    const inside = svg('svg', { x: plot.left, y: 0, width: wide, height, viewBox: `${plot.left} 0 ${wide} ${height}` });
    series.forEach((s) => inside.append(...line(s, times, step, plot)));
    drawing.append(inside);
  }
  pointAt(drawing, plot, times, step, series, context);
  return [drawing, legend];
}

function stepOf(times, context) {
  let step = Infinity;
  for (let at = 1; at < times.length; at += 1) step = Math.min(step, times[at] - times[at - 1]);
  return Number.isFinite(step) ? step : Math.max(MINUTE, (context.to - context.from) / 60);
}

// Scale both axes and draw their lines and labels.
function axes(drawing, context, { width, height }, values, field) {
  const { format, from, to } = context;
  const label = (value) => format.inUnit(value, field.unit, value % 1 ? 1 : 0).join(
    field.unit === 'percent' ? '' : ' ',
  ).trim();
  const most = Math.max(...values.filter((v) => v !== null), ...limitsOf(field).map(({ value }) => value), 0);
  const percent = field.unit === 'percent';
  const ticks = nice(percent ? Math.min(Math.max(most, 10), 100) : Math.max(most, 1), height, percent);
  const top = ticks[ticks.length - 1];
  const left = 16 + 9 * Math.max(...ticks.map((tick) => label(tick).length));
  const plot = {
    left, right: width - MARGIN.right, top: MARGIN.top, bottom: height - MARGIN.bottom,
    x: (ms) => left + ((ms - from) / (to - from)) * (width - MARGIN.right - left),
    y: (value) => height - MARGIN.bottom - (Math.min(value, top) / top) * (height - MARGIN.bottom - MARGIN.top),
  };
  for (const tick of ticks) {
    const y = Math.round(plot.y(tick)) + 0.5;
    drawing.append(svg('line', { class: 'rule', x1: left, x2: plot.right, y1: y, y2: y }));
    drawing.append(svg('text', { class: 'axis end', x: left - 8, y: y + 5 }, label(tick)));
  }
  const room = Math.max(2, Math.floor((plot.right - left) / 84));
  const step = STEPS.find((candidate) => (to - from) / candidate <= room) ?? STEPS[STEPS.length - 1];
  const offset = format.offset(from);
  for (let at = Math.ceil((from + offset) / step) * step - offset; at <= to; at += step) {
    const x = plot.x(at);
    if (x < left + 16 || x > plot.right - 16) continue;
    const text = step >= DAY ? format.day(at) : format.minute.format(at);
    drawing.append(svg('text', { class: 'axis middle', x, y: height - 6 }, text));
  }
  return plot;
}

// Round numbers from 0 to at least `most`, few enough to read.
function nice(most, height, percent) {
  const wanted = Math.max(2, Math.min(5, Math.floor(height / 48)));
  const rough = most / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  let step = [1, 2, 5, 10].find((factor) => factor * power >= rough) * power;
  if (percent && most > 50) step = wanted >= 4 ? 25 : 50;
  else if (step < 1) step = 1;
  const ticks = [];
  for (let tick = 0; tick < most + step - 1e-9; tick += step) ticks.push(tick);
  return ticks;
}

// The thresholds that are drawn, and so must be within the scale.
function limitsOf(field) {
  if (!field.custom.thresholdsStyle || field.custom.thresholdsStyle.mode === 'off') return [];
  return field.thresholds.steps.filter((step) => step.value !== null);
}

function limits(field, plot) {
  return limitsOf(field).map(({ value, color }) => {
    const y = plot.y(value);
    return svg('line', { class: 'limit', x1: plot.left, x2: plot.right, y1: y, y2: y, style: { stroke: color } });
  });
}

function stacked(series, times, step, plot) {
  const wide = Math.max(1, (plot.x(times[0] + step) - plot.x(times[0])) * 0.78);
  return times.flatMap((time, row) => {
    let below = 0;
    return series.map(({ field, values }) => {
      const value = values[row] ?? 0;
      const [y, end] = [plot.y(below + value), plot.y(below)];
      below += value;
      // A step's bar stands over the step, cut off where the plot ends.
      const x = Math.max(plot.left, plot.x(time) + wide * 0.14);
      const until = Math.min(plot.right, x + wide);
      return value && until > x ? svg('rect', {
        x, y, width: until - x, height: Math.max(0, end - y), rx: Math.min(2, wide / 6),
        style: { fill: field.color.fixedColor },
      }) : null;
    });
  }).filter(Boolean);
}

// A line that breaks where a step has no value; a value alone is a dot.
function line({ field, values }, times, step, plot) {
  const colour = field.color.fixedColor;
  const runs = [];
  let last = null;
  times.forEach((time, row) => {
    if (values[row] === null) { last = null; return; }
    if (last === null || time - last > step * 1.5) runs.push([]);
    runs[runs.length - 1].push([plot.x(time), plot.y(values[row])]);
    last = time;
  });
  return runs.flatMap((run) => {
    if (run.length === 1) return [svg('circle', { cx: run[0][0], cy: run[0][1], r: 3, style: { fill: colour } })];
    const path = run.map(([x, y], at) => `${at ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`).join('');
    const area = `${path}L${run[run.length - 1][0].toFixed(1)} ${plot.bottom}L${run[0][0].toFixed(1)} ${plot.bottom}Z`;
    return [
      svg('path', { d: area, style: { fill: colour, 'fill-opacity': (field.custom.fillOpacity ?? 0) / 100 } }),
      svg('path', { class: 'line', d: path, style: { stroke: colour, 'stroke-width': field.custom.lineWidth ?? 2 } }),
    ];
  });
}

function legendOf(series, { format }) {
  return el('div', { class: 'legend' }, ...series.map(({ field, values }) => {
    const total = values.reduce((sum, value) => sum + (value ?? 0), 0);
    const sum = field.custom.drawStyle === 'bars' ? format.number(total, 0) : null;
    return el('span', {}, el('i', { style: { background: field.color.fixedColor } }), field.displayName,
      sum ? el('b', {}, sum) : null);
  }));
}

// What the pointer stands at, in words.
function pointAt(drawing, plot, times, step, series, { format, tip }) {
  const mark = svg('line', { class: 'mark', y1: plot.top, y2: plot.bottom, x1: -9, x2: -9 });
  drawing.append(mark);
  const bars = series[0].field.custom.drawStyle === 'bars';
  drawing.addEventListener('pointermove', (event) => {
    const x = event.clientX - drawing.getBoundingClientRect().left;
    const middle = (row) => plot.x(times[row] + (bars ? step / 2 : 0));
    let best = 0;
    times.forEach((_, row) => { if (Math.abs(middle(row) - x) < Math.abs(middle(best) - x)) best = row; });
    mark.setAttribute('x1', middle(best));
    mark.setAttribute('x2', middle(best));
    const day = format.day(times[best]);
    const rows = series.map(({ field, values }) => [
      field.displayName, values[best] === null ? field.noValue : format.inUnit(values[best], field.unit, field.decimals).join(' '),
    ]);
    tip.show(event, `${day} ${format.minute.format(times[best])}`, rows);
  });
  drawing.addEventListener('pointerleave', () => { mark.setAttribute('x1', -9); mark.setAttribute('x2', -9); tip.hide(); });
}

// Cividis, read alike with and without colour blindness, from dark to light.
const CIVIDIS = [
  [0, 34, 78], [33, 59, 110], [76, 85, 108], [108, 110, 114], [142, 137, 120], [178, 165, 112],
  [217, 196, 92], [254, 232, 56],
];

function cividis(share) {
  const at = Math.min(Math.max(share, 0), 1) * (CIVIDIS.length - 1);
  const low = Math.min(Math.floor(at), CIVIDIS.length - 2);
  const mixed = CIVIDIS[low].map((c, part) => Math.round(c + (CIVIDIS[low + 1][part] - c) * (at - low)));
  return `rgb(${mixed.join(',')})`;
}

export function heatmap(panel, frame, context, size) {
  const [times, rows, values] = frame.values;
  if (!times.length) return [el('p', { class: 'empty' }, context.format.words.nodata)];
  const field = fieldOf(panel, frame.names[2]);
  const { format } = context;
  const columns = [...new Set(times)].sort((a, b) => a - b);
  const names = Array.from({ length: 24 }, (_, hour) => String(hour).padStart(2, '0'));
  const left = 44;
  const wide = (size.width - left - 8) / columns.length;
  const high = (size.height - 30) / names.length;
  const most = Math.max(...values, 1);
  const drawing = svg('svg', { class: 'chart', width: size.width, height: size.height });
  names.forEach((name, at) => {
    const y = size.height - 26 - (at + 1) * high;
    if (at % 6 === 0) drawing.append(svg('text', { class: 'axis end', x: left - 8, y: y + high }, `${name}:00`));
  });
  const every = Math.ceil(columns.length / Math.max(1, Math.floor((size.width - left) / 64)));
  columns.forEach((time, at) => {
    if (at % every) return;
    drawing.append(svg('text', { class: 'axis middle', x: left + (at + 0.5) * wide, y: size.height - 6 }, format.day(time)));
  });
  const gap = Math.min(panel.options.cellGap ?? 1, wide / 4, high / 4);
  times.forEach((time, at) => {
    const place = names.indexOf(rows[at]);
    const cell = svg('rect', {
      x: left + columns.indexOf(time) * wide, y: size.height - 26 - (place + 1) * high,
      width: Math.max(1, wide - gap), height: Math.max(1, high - gap), rx: 1.5,
      style: { fill: cividis((values[at] / most) ** (panel.options.color.exponent ?? 1)) },
    });
    cell.addEventListener('pointermove', (event) => context.tip.show(event, `${format.day(time)} ${rows[at]}:00`, [
      [field.displayName === frame.names[2] ? panel.title : field.displayName, format.number(values[at], 0)],
    ]));
    cell.addEventListener('pointerleave', () => context.tip.hide());
    drawing.append(cell);
  });
  return [drawing];
}

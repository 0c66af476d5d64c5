// Grafana's field options and a value in, its text and colour out: units, mappings, thresholds.

export const WORDS = {
  en: {
    stale: 'STALE', since: 'last data', never: 'no data yet', waiting: 'no connection to Goldpan',
    store: 'the store does not answer', behind: 'what came since is still to be counted', live: 'live', nodata: 'no data', error: 'query failed',
    loading: 'loading …', last: (minutes) => `last ${minutes} minutes`,
    more: (rows) => `${rows} more`, fewer: 'show fewer',
    units: ['s', 'min', 'h', 'days', 'weeks', 'years'],
  },
  zh: {
    stale: '数据已过时', since: '最近数据', never: '尚无数据', waiting: '与 Goldpan 的连接中断',
    store: '存储没有应答', behind: '此后的数据尚待计入', live: '实时', nodata: '无数据', error: '查询失败',
    loading: '加载中 …', last: (minutes) => `最近 ${minutes} 分钟`,
    more: (rows) => `另有 ${rows} 行`, fewer: '收起',
    units: ['秒', '分', '小时', '天', '周', '年'],
  },
};

export class Format {
  constructor(lang, zone) {
    this.lang = lang;
    this.words = WORDS[lang];
    const at = (options) => new Intl.DateTimeFormat('sv-SE', {
      timeZone: zone, hourCycle: 'h23', ...options,
    });
    const two = '2-digit';
    this.clock = at({ hour: two, minute: two, second: two });
    this.minute = at({ hour: two, minute: two });
    this.date = at({ year: 'numeric', month: two, day: two });
    this.zoned = at({
      year: 'numeric', month: two, day: two, hour: two, minute: two, second: two,
    });
    this.numbers = new Map();
  }

  // Milliseconds that the zone's clocks are ahead of UTC at an instant.
  offset(ms) {
    const wall = Date.parse(`${this.zoned.format(ms).replace(' ', 'T')}Z`);
    return wall - Math.floor(ms / 1000) * 1000;
  }

  day(ms) { return this.date.format(ms).slice(5); }

  number(value, decimals) {
    if (!this.numbers.has(decimals)) {
      this.numbers.set(decimals, new Intl.NumberFormat('en-US', {
        minimumFractionDigits: decimals ?? 0, maximumFractionDigits: decimals ?? 2,
      }));
    }
    return this.numbers.get(decimals).format(value);
  }

  // A value in its unit: [number, unit], so that the unit can be drawn smaller.
  inUnit(value, unit, decimals) {
    if (unit === 'percent') return [this.number(value, decimals), '%'];
    if (unit === 's') return this.duration(value);
    if (unit?.startsWith('suffix:')) return [this.number(value, decimals), unit.slice(7).trim()];
    return [this.number(value, decimals), ''];
  }

  duration(seconds) {
    const steps = [60, 60, 24, 7, 52.18, Infinity];
    let value = seconds;
    let step = 0;
    while (Math.abs(value) >= steps[step]) value /= steps[step++];
    return [this.number(value, step && value < 10 ? 1 : 0), this.words.units[step]];
  }

  instant(ms, now) {
    const day = this.date.format(ms);
    return day === this.date.format(now) ? this.clock.format(ms)
      : `${this.day(ms)} ${this.minute.format(ms)}`;
  }

  // What a cell says: { text, unit, colour, none }.
  show(value, field, kind, now) {
    const mapped = mapping(value, field.mappings);
    const colour = mapped?.color ?? colourOf(value, field);
    if (mapped?.text) return { text: mapped.text, unit: '', colour, none: value === null };
    if (value === null || value === undefined) {
      return { text: field.noValue ?? '–', unit: '', colour: mapped?.color, none: true };
    }
    if (kind === 'time') return { text: this.instant(value, now), unit: '', colour };
    if (kind === 'text') return { text: value, unit: '', colour };
    const [text, unit] = this.inUnit(value, field.unit, field.decimals);
    return { text, unit, colour };
  }
}

function mapping(value, mappings) {
  for (const { type, options } of mappings ?? []) {
    if (type === 'value' && value !== null && options[String(value)]) return options[String(value)];
    if (type === 'special' && options.match === 'null' && value === null) return options.result;
    if (type === 'regex' && typeof value === 'string') {
      const [, pattern, flags] = options.pattern.match(/^\/(.*)\/(\w*)$/s);
      if (new RegExp(pattern, flags).test(value)) return options.result;
    }
  }
  return null;
}

function colourOf(value, field) {
  if (field.color?.mode === 'fixed') return field.color.fixedColor;
  if (typeof value !== 'number') return null;
  let colour = null;
  for (const step of field.thresholds?.steps ?? []) {
    if (step.value === null || value >= step.value) colour = step.color;
  }
  return colour;
}

// A panel's options for one column: its defaults, and what overrides by name say.
export function fieldOf(panel, name) {
  const field = { ...panel.fieldConfig.defaults, custom: { ...panel.fieldConfig.defaults.custom } };
  field.displayName ??= name;
  for (const { matcher, properties } of panel.fieldConfig.overrides ?? []) {
    if (matcher.options !== name) continue;
    for (const { id, value } of properties) {
      if (id.startsWith('custom.')) field.custom[id.slice(7)] = value;
      else field[id] = value;
    }
  }
  return field;
}

// White where it can be read on a colour (contrast 3:1, for large letters), else black.
export function inkOn(colour) {
  const parts = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255);
  const linear = parts.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  const light = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  return 1.05 / (light + 0.05) >= 3 ? '#FFFFFF' : '#10151B';
}

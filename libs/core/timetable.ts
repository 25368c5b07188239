/**
 * Timetable: when a limit holds, such as `mon-fri 08:00-18:00 Europe/Athens`. Its text is its
 * one form: it is kept, shown and compared as such, and read again where it matters.
 */

export interface Timetable {
  /** 0 is Monday. */
  readonly days: ReadonlySet<number>;
  /** Minutes since midnight; `to` is not part of it. One that ends before it begins goes on past midnight. */
  readonly from: number;
  readonly to: number;
  readonly zone: string;
}

const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
const DAY_MINUTES = 24 * 60;

/**
 * The text of a timetable in its one form.
 * @param days such as `mon-fri` or `sat,sun`; @param between such as `08:00-18:00`; @param zone such as `Europe/Athens`.
 * @returns null when any of them cannot be read.
 */
export function timetableText(days: string, between: string, zone: string): string | null {
  const numbers = readDays(days);
  const times = readTimes(between);
  if (numbers === null || times === null || !isZone(zone)) return null;
  const text = numbers.size === 7 ? 'daily' : DAYS.filter((_day, index) => numbers.has(index)).join(',');
  return `${text} ${clockText(times.from)}-${clockText(times.to)} ${zone}`;
}

/** @param text what `timetableText` gave. @returns null for anything else. */
export function parseTimetable(text: string): Timetable | null {
  const [days = '', between = '', zone = '', more] = text.split(' ');
  const numbers = readDays(days === 'daily' ? 'mon-sun' : days);
  const times = readTimes(between);
  if (numbers === null || times === null || more !== undefined || !isZone(zone)) return null;
  return { days: numbers, ...times, zone };
}

/** @param at milliseconds since the epoch. Past midnight the day on which it began counts. */
export function holdsAt(timetable: Timetable, at: number): boolean {
  const { days, from, to, zone } = timetable;
  const { day, minute } = wallClock(zone, at);
  if (from < to) return days.has(day) && minute >= from && minute < to;
  return (days.has(day) && minute >= from) || (days.has((day + 6) % 7) && minute < to);
}

function wallClock(zone: string, at: number): { readonly day: number; readonly minute: number } {
  const parts = formatOf(zone).formatToParts(at);
  const part = (type: string): string => parts.find((each) => each.type === type)?.value ?? '';
  const day = DAYS.findIndex((name) => name === part('weekday').toLowerCase());
  return { day, minute: Number(part('hour')) * 60 + Number(part('minute')) };
}

function formatOf(zone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
}

function isZone(zone: string): boolean {
  if (!/^[A-Za-z][\w+/-]*$/.test(zone)) return false;
  try {
    formatOf(zone);
    return true;
  } catch {
    return false;
  }
}

function readDays(text: string): ReadonlySet<number> | null {
  const found = new Set<number>();
  for (const word of text.toLowerCase().split(',')) {
    const [first = '', last = first, more] = word.split('-');
    const [from, to] = [first, last].map((name) => DAYS.findIndex((day) => day === name)) as [number, number];
    if (from < 0 || to < 0 || more !== undefined) return null;
    for (let day = from; ; day = (day + 1) % 7) {
      found.add(day);
      if (day === to) break;
    }
  }
  return found;
}

function readTimes(text: string): { readonly from: number; readonly to: number } | null {
  const match = /^(\d\d):(\d\d)-(\d\d):(\d\d)$/.exec(text);
  if (match === null) return null;
  const [fromHour, fromMinute, toHour, toMinute] = match.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
  ];
  const [from, to] = [fromHour * 60 + fromMinute, toHour * 60 + toMinute];
  if (fromMinute > 59 || toMinute > 59 || from >= DAY_MINUTES || to > DAY_MINUTES || from === to) return null;
  return { from, to };
}

function clockText(minutes: number): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

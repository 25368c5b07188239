/** Words: numbers, sizes and times as people read them. */

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

export function sizeText(bytes: number | null): string {
  if (bytes === null) return '…';
  const power = Math.min(UNITS.length - 1, bytes < 1_000 ? 0 : Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1_000 ** power;
  return `${value < 10 && power > 0 ? value.toFixed(1) : Math.round(value)} ${UNITS[power]}`;
}

export function countText(count: number | null): string {
  return count === null ? '…' : count.toLocaleString('en');
}

/** Counts in lists end there. */
export function manyText(count: number): string {
  return count >= 1_000 ? '1,000+' : countText(count);
}

export function durationText(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3_600) return `${Math.round(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h ${Math.round((seconds % 3_600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.round((seconds % 86_400) / 3_600)} h`;
}

/** In the reader's own zone; the whole of it is in the element's title. */
export function timeText(at: string): string {
  const time = new Date(at);
  const isToday = time.toDateString() === new Date().toDateString();
  const clock = clockText(time);
  return isToday
    ? clock
    : `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())} ${clock}`;
}

/** Hours, minutes and seconds, two digits each. */
export function clockText(time: Date): string {
  return time.toLocaleTimeString('en-GB');
}

function two(number: number): string {
  return String(number).padStart(2, '0');
}

const CONDITIONS: Readonly<Record<string, string>> = {
  'in-sync': 'in sync',
  'deletes-held': 'deletes held',
};

export function conditionText(condition: string): string {
  return CONDITIONS[condition] ?? condition;
}

/** A pair whose oldest change waits for so long is called behind. */
export const BEHIND_SECONDS = 60;

/**
 * Names: generated names that file systems, stores, databases or headers may stumble over, and an
 * oracle, which shares no code with the engine, of what can be synced and how the rest is shown.
 */
import { isUtf8 } from 'node:buffer';
import type { Random } from './random.ts';

/** Code points that something somewhere treats as special, by what they are. */
const SPECIAL_TEXT: readonly string[] = [
  ...['%', '%41', '%2F', '%00', '%0d%0a', '%E9', '+', '?', '#', ';', '&', '=', '@', ',', '!', '~', '^', '|'],
  ...[
    '\\',
    '\\x0a',
    '"',
    "'",
    '`',
    '<',
    '>',
    ':',
    '*',
    '?*',
    '[a-z]',
    '{a,b}',
    '$(id)',
    '$HOME',
    '-rf',
    '--',
  ],
  ...[
    '...',
    '.hidden',
    'dot.',
    ' lead',
    'trail ',
    ' ',
    '\u00a0',
    '\u3000',
    '_20260101T000000.000Z_host',
    '.tmp',
  ],
  ...[
    '\ufeff',
    '\u200b',
    '\u200d',
    '\u200e',
    '\u202e',
    '\u2028',
    '\u2029',
    '\u0085',
    '\u00ad',
    '\ufffe',
    '\uffff',
    '\ufffd',
  ],
  ...[
    'e\u0301',
    '\u00e9',
    'A\u030a',
    '\u212b',
    '\u1e9b\u0323',
    'q\u0307\u0323',
    'a\u0300\u0301\u0302\u0303\u0304',
    '\u0344',
  ],
  ...[
    '\u05e9\u05dc\u05d5\u05dd',
    '\u0627\u0644\u0639',
    '\u0e01\u0e33',
    '\u1100\u1161\u11a8',
    '\uac01',
    '\u65e5\u672c',
    '\ufb01',
    '\u0131',
    'I',
    '\u017f',
  ],
  ...[
    '\u{1f600}',
    '\u{1f469}\u200d\u{1f680}',
    '\u{1f1ec}\u{1f1f7}',
    '\u{10348}',
    '\u{20000}',
    '\u{e0041}',
    '\u{f0000}',
    '\u{10ffff}',
  ],
];
const CONTROL: readonly string[] = [
  '\n',
  '\r',
  '\r\nX-Injected: yes',
  '\t',
  '\u001b[31m',
  '\u007f',
  '\u0001',
  '\u000b',
];
/** Our own names, and some that resemble them. */
const PRIVATE: readonly string[] = [
  '.holdfast',
  '.HOLDFAST',
  '.holdfast2',
  'marker',
  'intent.json',
  'new',
  'old',
  'trash',
];
const BROKEN_UTF8: readonly (readonly number[])[] = [
  [0xff],
  [0x80],
  [0xc3],
  [0xc0, 0xaf],
  [0xed, 0xa0, 0x80],
  [0xf4, 0x90, 0x80, 0x80],
  [0xe2, 0x82],
];
const PLANES: readonly (readonly [from: number, to: number])[] = [
  [0x20, 0x7e],
  [0xa0, 0x2ff],
  [0x300, 0x36f],
  [0x370, 0xd7ff],
  [0xe000, 0xfffd],
  [0x10000, 0x1ffff],
  [0x20000, 0x2fffd],
  [0xe0100, 0xe01ef],
  [0x100000, 0x10fffd],
];
const WIDTHS: readonly string[] = ['a', '\u00e9', '\u65e5', '\u{1f600}'];

export type Where = 'here' | 'upstream';

/** Bytes of a whole name: distinct, and none of them a directory of another that is drawn for the same folder. */
export class NameDrawer {
  private readonly random: Random;
  private readonly taken = new Set<string>();
  private readonly above = new Set<string>();
  private number = 0;

  constructor(random: Random) {
    this.random = random;
  }

  /** Several names that belong together, such as the two forms of one accent. */
  draw(where: Where): Buffer[] {
    return this.drawGroup(where).filter((name) => this.take(name, where));
  }

  private drawGroup(where: Where): Buffer[] {
    const { random } = this;
    this.number += 1;
    const stem = `${this.number}`;
    switch (random.below(12)) {
      case 0:
        return both(this.under(`${stem}${this.text(3)}`), (name) => [
          name.normalize('NFC'),
          name.normalize('NFD'),
        ]);
      case 1:
        return both(this.under(`case${stem}${this.text(1)}`), (name) => [name, name.toUpperCase()]);
      case 2:
        return [utf8(this.under(`${stem}${random.pick(CONTROL)}${this.text(1)}`))];
      case 3:
        return [utf8(this.long(stem))];
      case 4:
        return [
          utf8(`${stem}${this.text(1)}/${random.pick(PRIVATE)}`),
          utf8(`${random.pick(PRIVATE)}${stem}`),
        ];
      case 5:
        return where === 'here' ? [this.broken(stem)] : [utf8(this.odd(stem))];
      case 6:
        return where === 'here'
          ? [this.broken(stem)]
          : both(this.under(`both${stem}`), (name) => [name, `${name}/below`]);
      case 7:
        // What is shown of the one is the name of the other.
        return [utf8(`${stem}a\nb`), utf8(`${stem}a\\x0ab`)];
      default:
        return [utf8(this.under(`${stem}${this.text(1 + random.below(6))}`))];
    }
  }

  private take(name: Buffer, where: Where): boolean {
    const key = name.toString('latin1');
    const ancestors = [...key.matchAll(/\//g)].map(({ index }) => key.slice(0, index));
    if (this.taken.has(key)) return false;
    // Upstream an object may be above others; a folder cannot hold that.
    const isTree =
      where === 'here' && (this.above.has(key) || ancestors.some((each) => this.taken.has(each)));
    if (isTree) return false;
    this.taken.add(key);
    for (const each of ancestors) this.above.add(each);
    return true;
  }

  /** Below none, one or two directories. */
  private under(segment: string): string {
    const depth = this.random.below(3);
    const above = Array.from(
      { length: depth },
      () => `d${this.random.below(20)}${this.text(this.random.below(2))}`,
    );
    return [...above, segment].join('/');
  }

  private text(parts: number): string {
    const { random } = this;
    return Array.from({ length: parts }, () => {
      if (random.below(2) === 0) return random.pick(SPECIAL_TEXT);
      const [from, to] = random.pick(PLANES);
      const codePoint = from + random.below(to - from + 1);
      return codePoint === 0x2f ? '\u2215' : String.fromCodePoint(codePoint);
    }).join('');
  }

  /** At, below and above the limits of a segment and of a whole name. */
  private long(stem: string): string {
    const { random } = this;
    const segment = (bytes: number, start: string): string => {
      const unit = random.pick(WIDTHS);
      const units = Math.floor((bytes - Buffer.byteLength(start)) / Buffer.byteLength(unit));
      const text = start + unit.repeat(Math.max(0, units));
      return text + 'x'.repeat(Math.max(0, bytes - Buffer.byteLength(text)));
    };
    const total = random.pick([254, 255, 256, 800, 1023, 1024, 1025, 1500, 3800]);
    if (total <= 256) return segment(total, stem);
    const segments = [segment(200, stem)];
    for (let left = total - 201; left > 0; left -= 201) segments.push(segment(Math.min(200, left), ''));
    return segments.join('/');
  }

  private broken(stem: string): Buffer {
    const bytes = Buffer.from(this.random.pick(BROKEN_UTF8));
    const name = Buffer.concat([
      Buffer.from(`${stem}b`),
      bytes,
      Buffer.from(this.random.below(2) === 0 ? '' : 'z'),
    ]);
    return this.random.below(3) === 0 ? Buffer.concat([name, Buffer.from('/below')]) : name;
  }

  /** Only an object can be named so. */
  private odd(stem: string): string {
    const { random } = this;
    const shape = random.pick([
      '/S',
      'S/',
      'S//x',
      '//S',
      'S/./x',
      'S/../x',
      '../S',
      './S',
      'S/.',
      'S/..',
      '/../S',
      'S///',
    ]);
    return shape.replace('S', `${stem}${this.text(1)}`);
  }
}

function utf8(name: string): Buffer {
  return Buffer.from(name);
}

function both(name: string, forms: (name: string) => string[]): Buffer[] {
  return forms(name).map(utf8);
}

/** Whether both sides can hold the name, as the design states it. */
export function isSyncable(name: Buffer): boolean {
  if (!isUtf8(name) || name.length > 1024) return false;
  if (name.some((byte) => byte < 0x20 || byte === 0x7f)) return false;
  return splitBytes(name).every(
    (segment) =>
      segment.length > 0 && segment.length <= 255 && !['.', '..', '.holdfast'].includes(segment.toString()),
  );
}

/** How a name that cannot be synced is shown. @param name the part up to the first segment that is at fault, for local ones. */
export function shown(name: Buffer): string {
  const escaped = (byte: number): string => `\\x${byte.toString(16).padStart(2, '0')}`;
  return splitBytes(name)
    .map((segment) => {
      if (isUtf8(segment))
        return segment.toString().replaceAll(/[\u0000-\u001f\u007f]/g, (sign) => escaped(sign.charCodeAt(0)));
      return [...segment]
        .map((byte) => (byte < 0x20 || byte >= 0x7f ? escaped(byte) : String.fromCharCode(byte)))
        .join('');
    })
    .join('/');
}

/** The shortest beginning of a local name, at a slash or its end, that cannot be synced: what is below is not looked at. */
export function firstFault(name: Buffer): Buffer | null {
  for (let end = name.indexOf(0x2f); end >= 0; end = name.indexOf(0x2f, end + 1))
    if (!isSyncable(name.subarray(0, end))) return name.subarray(0, end);
  return isSyncable(name) ? null : name;
}

function splitBytes(name: Buffer): Buffer[] {
  const segments: Buffer[] = [];
  let start = 0;
  for (let at = name.indexOf(0x2f); at >= 0; at = name.indexOf(0x2f, start)) {
    segments.push(name.subarray(start, at));
    start = at + 1;
  }
  return [...segments, name.subarray(start)];
}

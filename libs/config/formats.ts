/**
 * Formats: how a variable's text becomes a value, and what is wrong with it when it cannot.
 * A problem is the end of the sentence "NAME ..."; it never repeats the value, which may be secret.
 */
import { isAbsolute } from 'node:path';

/** Thrown by a format; the message is the problem. */
class BadSetting extends Error {}

export interface Limits {
  readonly min?: number;
  readonly max?: number;
  // What else a setting declares; convict passes all of it.
  readonly [other: string]: unknown;
}

export interface Format {
  readonly name: string;
  /** Text to value; returns text that it cannot read as it is, for `validate` to refuse. */
  coerce(text: unknown): unknown;
  /** @throws BadSetting */
  validate(value: unknown, setting: Limits): void;
}

const asIs = (text: unknown): unknown => text;

function text(name: string, isGood: (value: string) => boolean, problem: string): Format {
  return {
    name,
    coerce: asIs,
    validate(value) {
      if (typeof value !== 'string' || !isGood(value)) throw new BadSetting(problem);
    },
  };
}

function url(name: string, protocols: readonly string[], problem: string): Format {
  const isGood = (value: string) => URL.canParse(value) && protocols.includes(new URL(value).protocol);
  return text(name, isGood, problem);
}

// Number() and parseInt() would take "1e3", "0x10" and "12abc".
const WHOLE_NUMBER: Format = {
  name: 'whole-number',
  coerce: (value) => (typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value),
  validate(value, { min = 0, max = Number.MAX_SAFE_INTEGER }) {
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max) {
      throw new BadSetting(`must be a whole number from ${min} to ${max}`);
    }
  },
};

const YES_NO: Format = {
  name: 'yes-no',
  coerce: (value) => (value === 'yes' ? true : value === 'no' ? false : value),
  validate(value) {
    if (typeof value !== 'boolean') throw new BadSetting('must be yes or no');
  },
};

const VOLUME_LIST: Format = {
  name: 'volume-list',
  coerce: (value) => (typeof value === 'string' ? value.split(',').map((volume) => volume.trim()) : value),
  validate(value) {
    const volumes: unknown[] = Array.isArray(value) ? value : [];
    const isGood = volumes.every(
      (volume) => typeof volume === 'string' && /^[A-Za-z0-9-]{1,63}$/.test(volume),
    );
    if (volumes.length === 0 || !isGood) {
      throw new BadSetting('must list volume names of letters, digits and -, with commas between them');
    }
  },
};

const PEOPLE_LIST: Format = {
  name: 'people-list',
  coerce: (value) => (typeof value === 'string' ? value.split(',').map((one) => one.trim()) : value),
  validate(value) {
    const people: unknown[] = Array.isArray(value) ? value : [];
    if (!people.every((one) => typeof one === 'string' && /^\S{1,200}$/.test(one)))
      throw new BadSetting('must list people as the provider names them, with commas between them, or be *');
  },
};

export const FORMATS: readonly Format[] = [
  WHOLE_NUMBER,
  VOLUME_LIST,
  PEOPLE_LIST,
  YES_NO,
  url('postgres-url', ['postgres:', 'postgresql:'], 'must be a PostgreSQL URL'),
  url('redis-url', ['redis:', 'rediss:'], 'must be a Redis URL'),
  url('http-url', ['http:', 'https:'], 'must be an HTTP URL'),
  text(
    'absolute-path',
    (value) => isAbsolute(value) && !value.includes('\u0000'),
    'must be an absolute path',
  ),
  text('token', (value) => /^[\x21-\x7e]{1,256}$/.test(value), 'must be 1 to 256 visible ASCII characters'),
  text('host', (value) => /^[A-Za-z0-9.:-]{1,253}$/.test(value), 'must be a host name or an address'),
  text(
    'session-key',
    (value) => /^[\x21-\x7e]{32,256}$/.test(value),
    'must be 32 to 256 visible ASCII characters',
  ),
  text('origin', (value) => /^[A-Za-z0-9.-]{1,40}$/.test(value), 'must be 1 to 40 letters, digits, . and -'),
  text('prefix', (value) => /^[A-Za-z0-9_-]{1,40}$/.test(value), 'must be 1 to 40 letters, digits, - and _'),
  text(
    'log-level',
    (value) => ['debug', 'info', 'warn', 'error'].includes(value),
    'must be debug, info, warn or error',
  ),
];

// User metadata and container policy as they travel in headers. Names are
// kept in title case; values lose every `~`; limits are those of the server.

import type { Policy } from './container.ts';
import { Fault } from './fault.ts';
import type { Meta } from './version-store.ts';
import { characters, titleCase } from './wire-text.ts';

const MAX_NAME_CHARACTERS = 128;
const MAX_VALUE_CHARACTERS = 256;
const MAX_ITEMS = 32;

/** Headers an object stores verbatim beside its X-Object-Meta-*. */
const PLAIN_OBJECT_HEADERS = ['Content-Encoding', 'Content-Disposition', 'X-Object-Manifest'];

type Headers = ReadonlyMap<string, string>;

function withPrefix(headers: Headers, prefix: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, value] of headers) {
    if (!name.startsWith(prefix) || name.length === prefix.length) continue;
    if (characters(name) - prefix.length > MAX_NAME_CHARACTERS)
      throw new Fault(400, 'Header name too large.');
    if (characters(value) > MAX_VALUE_CHARACTERS) throw new Fault(400, 'Header value too large.');
    found[titleCase(name)] = value.replaceAll('~', '');
  }
  if (Object.keys(found).length > MAX_ITEMS) throw new Fault(400, 'Too many headers.');
  return found;
}

export function sentObjectMeta(headers: Headers): Meta {
  const meta = withPrefix(headers, 'x-object-meta-');
  for (const name of PLAIN_OBJECT_HEADERS) {
    const value = headers.get(name.toLowerCase());
    if (value !== undefined) meta[name] = value;
  }
  return meta;
}

export function sentContainerMeta(headers: Headers): Meta {
  return withPrefix(headers, 'x-container-meta-');
}

/** Stored metadata overlaid with what was sent; an empty value deletes. */
export function mergeMeta(stored: string, sent: Meta): Meta {
  const merged = { ...parseMeta(stored), ...sent };
  return Object.fromEntries(
    Object.entries(merged).filter(([name, value]) => value !== '' || !(name in sent)),
  );
}

export function parseMeta(stored: string): Meta {
  return JSON.parse(stored) as Meta;
}

/** Policy headers of a container request; undefined when it carries none. */
export function sentPolicy(headers: Headers): Partial<Policy> | undefined {
  const policy: { -readonly [K in keyof Policy]?: Policy[K] } = {};
  for (const [name, value] of headers) {
    if (!name.startsWith('x-container-policy-')) continue;
    const key = name.slice('x-container-policy-'.length);
    if (key === 'versioning' && (value === 'auto' || value === 'none')) policy.versioning = value;
    else if (key === 'quota' && /^\d+$/.test(value)) policy.quota = Number(value);
    else if (key === 'project' && value !== '') policy.project = value;
    else throw new Fault(400, `Invalid policy header ${name}`);
  }
  return Object.keys(policy).length > 0 ? policy : undefined;
}

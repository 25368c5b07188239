/**
 * Redact: log fields without secrets (invariant 12) and as JSON can hold them. A second
 * line of defence; the first is that nobody logs a secret.
 */

const SECRET_NAME =
  /(?:token|password|passwd|secret|authorization|cookie|credentials|apikey|accesskey|authkey)$/;
const REPLACEMENT = '[redacted]';
/** Cut here: an error chain or a cycle ends somewhere. */
const MAX_DEPTH = 6;

/** @returns a copy: secret-named fields replaced, URL credentials cut, big integers as text, errors as their facts. */
export function redactFields(fields: Record<string, unknown>): Record<string, unknown> {
  return copyOf(fields, 0);
}

/** Text without the user and password of URLs in it. */
export function redactText(text: string): string {
  return text.replaceAll(/([a-z][a-z0-9+.-]*:\/\/)[^\s/@]*@/gi, '$1***@');
}

function copyOf(fields: object, depth: number): Record<string, unknown> {
  const copied = Object.entries(fields).map(([name, value]) => [
    name,
    isSecretName(name) ? REPLACEMENT : redactValue(value, depth),
  ]);
  return Object.fromEntries(copied);
}

function isSecretName(name: string): boolean {
  const plain = name.toLowerCase().replaceAll(/[^a-z]/g, '');
  return plain === 'key' || SECRET_NAME.test(plain);
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH) return '[deep]';
  if (value instanceof Error) return factsOf(value, depth);
  if (value instanceof Date) return value;
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (value instanceof Map) return copyOf(Object.fromEntries(value), depth + 1);
  if (Array.isArray(value) || value instanceof Set)
    return [...value].map((item) => redactValue(item, depth + 1));
  return copyOf(value, depth + 1);
}

function factsOf(error: Error, depth: number): Record<string, unknown> {
  const { name, message, stack, cause } = error;
  const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {};
  return {
    name,
    message: redactText(message),
    ...code,
    stack: redactText(stack ?? ''),
    ...(cause === undefined ? {} : { cause: redactValue(cause, depth + 1) }),
  };
}

// Reply bodies in the three formats the API knows. Clients should always ask
// for JSON; the others exist so that forgetting to ask shows up in tests.

import type { Format, Reply } from './request.ts';

const JSON_TYPE = 'application/json; charset=UTF-8';

export function jsonReply(
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): Reply {
  return { status, headers: { 'Content-Type': JSON_TYPE, ...headers }, body: JSON.stringify(value) };
}

/** A list of records: JSON as is, XML as elements, text as one name per line (204 when there is none). */
export function listReply(
  format: Format,
  records: readonly Readonly<Record<string, unknown>>[],
  xmlNames: { readonly list: string; readonly item: string },
  headers: Readonly<Record<string, string>>,
): Reply {
  if (format === 'json') return jsonReply(200, records, headers);
  if (format === 'text') {
    const names = records.map((record) => `${record['name'] ?? record['subdir']}\n`);
    if (names.length === 0) return { status: 204, headers };
    return {
      status: 200,
      headers: { 'Content-Type': 'text/plain; charset=UTF-8', ...headers },
      body: names.join(''),
    };
  }
  const items = records.map((record) => xmlElement(xmlNames.item, record));
  return xmlReply(200, `<${xmlNames.list}>${items.join('')}</${xmlNames.list}>`, headers);
}

export function xmlReply(status: number, root: string, headers: Readonly<Record<string, string>>): Reply {
  const type = { 'Content-Type': 'application/xml; charset=UTF-8' };
  return { status, headers: { ...type, ...headers }, body: `<?xml version="1.0" encoding="UTF-8"?>${root}` };
}

function xmlElement(name: string, record: Readonly<Record<string, unknown>>): string {
  const fields = Object.entries(record).map(([key, value]) => `<${key}>${escapeXml(String(value))}</${key}>`);
  return `<${name}>${fields.join('')}</${name}>`;
}

export function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

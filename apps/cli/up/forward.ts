/**
 * Forward: the console behind the one port of `holdfast up`. Requests go on to it as they are
 * and its answers come back as they come, so that events are told at once.
 */
import { type IncomingMessage, request, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';

const HOST = '127.0.0.1';

/** @param port of the console on this machine; null while it has none. A console that does not answer is said to be away. */
export function forward(asked: IncomingMessage, answer: ServerResponse, port: number | null): void {
  if (port === null) {
    sayAway(answer);
    return;
  }
  const { method, url, headers } = asked;
  const onward = request({ host: HOST, port, method, path: url, headers });
  onward.on('response', (given) => {
    answer.writeHead(given.statusCode ?? 502, given.headers).flushHeaders();
    // Whoever ends first, visitor or console: the other end is closed with it.
    pipeline(given, answer).catch(() => {});
  });
  onward.on('error', () => (answer.headersSent ? answer.destroy() : sayAway(answer)));
  answer.on('close', () => onward.destroy());
  asked.pipe(onward);
}

function sayAway(answer: ServerResponse): void {
  const message = 'the console does not answer; it is started again by itself, so try again in a moment';
  answer.writeHead(503, { 'content-type': 'application/json', 'retry-after': '1' });
  answer.end(JSON.stringify({ error: { code: 'fleet-unreachable', message } }));
}

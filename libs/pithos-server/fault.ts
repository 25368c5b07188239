// A refused request: an HTTP status with a message. The reply body wraps it
// under a key that differs per status, and not consistently between servers,
// so clients must look at the status alone.

const KEYS: Readonly<Record<number, string>> = {
  400: 'badRequest',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'itemNotFound',
  409: 'conflict',
  411: 'lengthRequired',
  412: 'preconditionFailed',
  413: 'overLimit',
  416: 'rangeNotSatisfiable',
  422: 'unprocessableEntity',
};

export class Fault extends Error {
  readonly status: number;
  /** Reply headers beside the body, such as the ETag of a 304. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.name = 'Fault';
    this.status = status;
    this.headers = headers;
  }
}

export function faultBody(status: number, message: string): string {
  const key = KEYS[status] ?? 'internalServerError';
  return JSON.stringify({ [key]: { code: status, message, details: '' } });
}

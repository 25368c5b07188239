// A service could not be started. The message is one sentence for the person
// at the terminal: what is in the way and what to do about it. `code` is for
// programs, and stays the same when the wording changes.

export type ServiceErrorCode =
  | 'folder-not-searchable'
  | 'not-owner'
  | 'no-binaries'
  | 'init-failed'
  | 'start-failed'
  | 'start-timeout'
  | 'port-taken'
  | 'not-available';

export class ServiceError extends Error {
  readonly code: ServiceErrorCode;

  constructor(code: ServiceErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'ServiceError';
    this.code = code;
  }
}

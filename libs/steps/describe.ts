/** Describe: states in a few words, for history and `why`. */
import type { LocalState, RemoteState } from '#core/state.ts';

export function describeState(state: LocalState | RemoteState): string {
  switch (state.kind) {
    case 'absent':
      return 'nothing';
    case 'directory':
      return 'a directory';
    case 'unhandled':
      return 'special' in state ? `a ${state.special}` : 'a manifest or link';
    case 'file':
      return `a file of ${state.size} bytes${state.hash === null ? '' : ` (${state.hash.slice(0, 8)})`}`;
  }
}

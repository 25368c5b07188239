import { it } from 'node:test';
import { describeObjectStore } from '#test/conformance/object-store.ts';
import { swift } from '#test/support/services.ts';
import { openSwift } from './fixtures.ts';

const login = await swift();
if (login === null) {
  it('Swift store', { skip: 'there is no Swift here' });
} else {
  describeObjectStore('versioned Swift container', (t) => openSwift(t, login, true));
  describeObjectStore('plain Swift container', (t) => openSwift(t, login, false));
}

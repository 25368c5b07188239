import { describeObjectStore } from '#test/conformance/object-store.ts';
import { openPithos } from './open-pithos.ts';

describeObjectStore('Pithos', (t) => openPithos(t));
describeObjectStore('Pithos with small blocks', (t) => openPithos(t, { blockSize: 64 * 1024 }));

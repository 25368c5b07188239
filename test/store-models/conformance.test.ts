import { describeObjectStore } from '#test/conformance/object-store.ts';
import { openPithosModel } from './open-pithos-model.ts';
import { openSwiftModel } from './open-swift-model.ts';

describeObjectStore('versioned container of a model Swift', () => openSwiftModel());
describeObjectStore('plain container of a model Swift', () => openSwiftModel({ versioned: false }));
describeObjectStore('store that has no versions and ignores the conditions of writes', () =>
  openSwiftModel({ versioning: 'refused', writeConditions: 'ignored', largeObjects: 'unknown' }),
);
describeObjectStore('model Pithos', () => openPithosModel());
describeObjectStore('model Pithos with small blocks', () => openPithosModel({ blockSize: 64 * 1024 }));
describeObjectStore('model Pithos without versions', () => openPithosModel({ versioning: 'none' }));

import { describeObjectStore } from '#test/conformance/object-store.ts';
import { openSwiftModel } from './open-swift-model.ts';

describeObjectStore('versioned container of a model Swift', () => openSwiftModel());
describeObjectStore('plain container of a model Swift', () => openSwiftModel({ versioned: false }));
describeObjectStore('store that has no versions and ignores the conditions of writes', () =>
  openSwiftModel({ versioning: 'refused', writeConditions: 'ignored' }),
);

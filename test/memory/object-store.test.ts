import { describeObjectStore } from '#test/conformance/object-store.ts';
import { openMemory } from './open-memory.ts';

describeObjectStore('memory store', () => openMemory());

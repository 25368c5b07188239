import assert from 'node:assert/strict';
import { it } from 'node:test';
import { readNotices } from '#core/notification.ts';
import { firstPollMs, nextPollMs, notifiedPace } from '#steps/poll-pace.ts';

const s3 = (key: string, bucket = 'photos') => ({ s3: { bucket: { name: bucket }, object: { key } } });

it('S3 events are read as MinIO, Ceph and Amazon post them', () => {
  const minio = { EventName: 's3:ObjectCreated:Put', Key: 'photos/a', Records: [s3('a+b%2Fc%C3%A4.jpg')] };
  assert.deepEqual(readNotices(minio), [{ container: 'photos', rawName: 'a b/cä.jpg' }]);
  const several = { Records: [s3('a'), s3('b', 'docs')] };
  assert.deepEqual(readNotices(several), [
    { container: 'photos', rawName: 'a' },
    { container: 'docs', rawName: 'b' },
  ]);
  assert.deepEqual(readNotices({ Records: [s3('%zz')] }), [{ container: 'photos', rawName: null }]);
  assert.deepEqual(readNotices({ Service: 'Amazon S3', Event: 's3:TestEvent', Bucket: 'photos' }), []);
  const detail = { bucket: { name: 'photos' }, object: { key: 'a+b%2F' } };
  assert.deepEqual(readNotices({ 'detail-type': 'Object Created', source: 'aws.s3', detail }), [
    { container: 'photos', rawName: 'a+b%2F' },
  ]);
});

it('anybody else names what changed, or only where', () => {
  assert.deepEqual(readNotices({ container: 'c', names: ['a/b', 'd'] }), [
    { container: 'c', rawName: 'a/b' },
    { container: 'c', rawName: 'd' },
  ]);
  assert.deepEqual(readNotices({ container: 'c' }), [{ container: 'c', rawName: null }]);
});

it('what is no notification is not half read', () => {
  for (const posted of [
    null,
    7,
    'text',
    [],
    {},
    { container: 7 },
    { container: 'c', names: 'a' },
    { container: 'c', names: ['a', 7] },
    { Records: [s3('a'), {}] },
    { Records: [{ s3: { bucket: {}, object: { key: 'a' } } }] },
    { source: 'aws.s3' },
  ]) {
    assert.equal(readNotices(posted), null, JSON.stringify(posted));
  }
});

it('polls are as rare as they may be while a store notifies, unless one found what it had not told', () => {
  const pace = { baseMs: 1_000, maxMs: 60_000 };
  assert.equal(nextPollMs(7, 1, notifiedPace(pace, 1, true)), nextPollMs(7, 99, pace));
  assert.equal(nextPollMs(7, 0, notifiedPace(pace, 0, true)), firstPollMs(7, pace));
  assert.equal(nextPollMs(7, 1, notifiedPace(pace, 1, false)), firstPollMs(7, pace));
});

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { holdsAt, parseTimetable, timetableText } from '#core/timetable.ts';

const holds = (text: string, iso: string): boolean => {
  const timetable = parseTimetable(text);
  assert.ok(timetable !== null, text);
  return holdsAt(timetable, Date.parse(iso));
};

it('a timetable has one text', () => {
  assert.equal(
    timetableText('Mon-Fri', '08:00-18:00', 'Europe/Athens'),
    'mon,tue,wed,thu,fri 08:00-18:00 Europe/Athens',
  );
  assert.equal(timetableText('sun,sat', '00:00-24:00', 'UTC'), 'sat,sun 00:00-24:00 UTC');
  assert.equal(timetableText('fri-mon', '22:00-06:00', 'UTC'), 'mon,fri,sat,sun 22:00-06:00 UTC');
  assert.equal(timetableText('mon-sun', '08:30-09:00', 'UTC'), 'daily 08:30-09:00 UTC');
  for (const [days, between, zone] of [
    ['mon-fri', '8:00-18:00', 'UTC'],
    ['mon-fri', '08:00-08:00', 'UTC'],
    ['mon-fri', '08:00-24:01', 'UTC'],
    ['mon-fri', '08:61-09:00', 'UTC'],
    ['noday', '08:00-18:00', 'UTC'],
    ['mon-tue-wed', '08:00-18:00', 'UTC'],
    ['', '08:00-18:00', 'UTC'],
    ['mon', '08:00-18:00', 'Mars/Olympus'],
    ['mon', '08:00-18:00', 'UTC x'],
  ] as const) {
    assert.equal(timetableText(days, between, zone), null, `${days} ${between} ${zone}`);
  }
  assert.equal(parseTimetable('mon 08:00-18:00'), null);
  assert.equal(parseTimetable('mon 08:00-18:00 UTC more'), null);
});

it('a timetable holds by the clock of its zone, summer time included', () => {
  const text = 'mon,tue,wed,thu,fri 08:00-18:00 Europe/Athens';
  assert.equal(holds(text, '2026-01-05T05:59:59Z'), false);
  assert.equal(holds(text, '2026-01-05T06:00:00Z'), true);
  assert.equal(holds(text, '2026-07-06T05:00:00Z'), true);
  assert.equal(holds(text, '2026-07-06T15:00:00Z'), false);
  assert.equal(holds(text, '2026-07-05T10:00:00Z'), false);
});

it('one that goes past midnight belongs to the day on which it began', () => {
  const text = 'fri 22:00-06:00 UTC';
  assert.equal(holds(text, '2026-01-02T21:59:00Z'), false);
  assert.equal(holds(text, '2026-01-02T22:00:00Z'), true);
  assert.equal(holds(text, '2026-01-03T05:59:00Z'), true);
  assert.equal(holds(text, '2026-01-03T06:00:00Z'), false);
  assert.equal(holds(text, '2026-01-02T05:00:00Z'), false);
  assert.equal(holds('daily 00:00-24:00 UTC', '2026-01-02T00:00:00Z'), true);
});

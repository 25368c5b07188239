/** Limits: what `holdfast limit` does. The processes read what is set by themselves, within a second. */
import { timetableText } from '#core/timetable.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { LimitBook, LimitRule, LimitScope } from '#ports/limits.ts';
import type {
  LimitClearRequest,
  LimitScopeRequest,
  LimitSetRequest,
  LimitTimes,
  LimitView,
} from '#ports/operator.ts';
import { isHolding } from '../fleet-limits.ts';
import { findPair, note, type PairsDeps } from './pairs.ts';

export interface LimitDeps extends PairsDeps {
  readonly limits: LimitBook;
}

export async function listLimits({ limits, registry, clock }: LimitDeps): Promise<readonly LimitView[]> {
  const { rules } = await limits.read();
  const stores = new Map((await registry.listStores()).map(({ id, name }) => [id, name]));
  const pairs = new Map((await registry.listPairs()).map(({ id, name }) => [id, name]));
  return rules.flatMap((rule) => {
    const store = rule.storeId === null ? null : stores.get(rule.storeId);
    const pair = rule.pairId === null ? null : pairs.get(rule.pairId);
    // What the rule was for may have been removed since the rules were read.
    if (store === undefined || pair === undefined) return [];
    return [viewOf(rule, store, pair, clock.now())];
  });
}

/** @throws HoldfastError usage, not-found */
export async function setLimit(deps: LimitDeps, request: LimitSetRequest): Promise<LimitView> {
  const { bytesPerSecond, requestsPerSecond, store, pair } = request;
  if (bytesPerSecond === null && requestsPerSecond === null)
    throw new HoldfastError('usage', 'the limit says nothing; give bytes or requests per second, or both');
  const rates = [bytesPerSecond, requestsPerSecond].filter((rate) => rate !== null);
  if (rates.some((rate) => !(rate > 0)))
    throw new HoldfastError('usage', 'a limit must be above 0; to let nothing through, pause the pairs');
  const scope = await scopeOf(deps, request);
  const timetable = timetableOf(request.times);
  const rule: LimitRule = { ...scope, timetable, bytesPerSecond, requestsPerSecond };
  await deps.limits.set(rule);
  await noteFor(deps, request, `limited to ${limitText(request)}`);
  return viewOf(rule, store, pair, deps.clock.now());
}

/** @throws HoldfastError usage, not-found */
export async function clearLimit(deps: LimitDeps, request: LimitClearRequest): Promise<void> {
  const scope = await scopeOf(deps, request);
  const cleared = await deps.limits.clear(scope, timetableOf(request.times));
  if (cleared === 0)
    throw new HoldfastError('not-found', 'there is no such limit; holdfast limit show lists all');
  await noteFor(deps, request, 'no longer limited');
}

/** A limit in words. */
export function limitText({ bytesPerSecond, requestsPerSecond, times }: LimitSetRequest): string {
  const rates = [
    ...(bytesPerSecond === null ? [] : [`${bytesPerSecond} bytes/s`]),
    ...(requestsPerSecond === null ? [] : [`${requestsPerSecond} requests/s`]),
  ];
  const when = times === null ? '' : `, ${times.days} ${times.between} ${times.zone}`;
  return `${rates.join(', ')}${when}`;
}

/** What a limit is for, in words. */
export function scopeText({ store, pair }: LimitScopeRequest): string {
  return store !== null ? `store ${store}` : pair !== null ? `pair ${pair}` : 'the fleet';
}

function viewOf(rule: LimitRule, store: string | null, pair: string | null, now: number): LimitView {
  const { bytesPerSecond, requestsPerSecond, timetable } = rule;
  const holds = timetable === null || isHolding(timetable, now);
  return { store, pair, bytesPerSecond, requestsPerSecond, timetable, isHolding: holds };
}

async function scopeOf(deps: LimitDeps, { store, pair }: LimitScopeRequest): Promise<LimitScope> {
  if (store !== null && pair !== null)
    throw new HoldfastError('usage', 'a limit is for a store or for a pair; give one of them');
  if (pair !== null) return { storeId: null, pairId: (await findPair(deps.registry, pair)).id };
  if (store === null) return { storeId: null, pairId: null };
  const found = (await deps.registry.listStores()).find(({ name }) => name === store);
  if (found === undefined)
    throw new HoldfastError('not-found', `there is no store "${store}"; holdfast store list shows all`);
  return { storeId: found.id, pairId: null };
}

function timetableOf(times: LimitTimes | null): string | null {
  if (times === null) return null;
  const text = timetableText(times.days, times.between, times.zone);
  if (text !== null) return text;
  throw new HoldfastError(
    'usage',
    `"${times.days} ${times.between} ${times.zone}" is no timetable; write days like mon-fri or sat,sun, times like 08:00-18:00 and a zone like Europe/Athens or UTC`,
  );
}

async function noteFor(deps: LimitDeps, { pair }: LimitScopeRequest, text: string): Promise<void> {
  if (pair !== null) await note(deps, await findPair(deps.registry, pair), text);
}

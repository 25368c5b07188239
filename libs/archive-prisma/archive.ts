/**
 * Archive on PostgreSQL: puts the statements of `sql/` together into the port's promises.
 * What the port calls one transaction is one; a single statement needs none of its own.
 */
import type { Name } from '#core/name.ts';
import type { Archive, SideEffects } from '#ports/archive.ts';
import type { Telemetry } from '#ports/telemetry.ts';
import { SIDES } from './codes.ts';
import type { Connection, Session } from './connection.ts';
import { acknowledge, endedObject, madeDirectoryHere, removedObject } from './sql/acknowledge.ts';
import { answerDeletes, pageHeldDeletes } from './sql/answer-deletes.ts';
import { appendHistory } from './sql/append-history.ts';
import { hasUpstreamNewsBelow, hasWorkBelow, upstreamObjects } from './sql/ask-entries.ts';
import { beingChangedHere, claim, forgetDispatched } from './sql/claim.ts';
import { countDeletes, waitingDeletes } from './sql/count-deletes.ts';
import { countRenames } from './sql/count-renames.ts';
import { dispatch, mayDispatch } from './sql/dispatch.ts';
import type { Lags } from './sql/lag.ts';
import {
  endHold,
  holdDeletes,
  letDeletesGo,
  lookAgainAtDeletes,
  takeBackDeletes,
  unansweredHolds,
} from './sql/let-deletes-go.ts';
import { mark, markBelow } from './sql/mark.ts';
import { markEmptied, markEmptiedAbove } from './sql/mark-emptied.ts';
import { markAroundEnded, markProblems } from './sql/mark-waiting.ts';
import { movedHere, movedUpstream } from './sql/moved.ts';
import { closeProblems, openProblem, problems, time } from './sql/problems.ts';
import { candidates, issueSerials, load, pageLocal, pageRemote } from './sql/read-entries.ts';
import { history, transferred } from './sql/read-history.ts';
import { reachesFurther, record } from './sql/record.ts';
import { recordListed } from './sql/record-listed.ts';
import { release } from './sql/release.ts';
import { addPointers, dueTrash, pageTrash, recordedTrash, settleTrash, trash } from './sql/trash.ts';
import { counts, work } from './sql/work.ts';

/** Deletes are let go, held and answered all at once, and may be all names of the largest pair: ten thousand a second. */
const WHOLE_PAIR_MS = 600_000;

/** @param telemetry is told of every change that both sides hold from then on; null: nobody is. */
export function createArchive(connection: Connection, telemetry: Telemetry | null): Archive {
  const { pool } = connection;
  const { guard, transaction } = connection;
  const told = async (work: Promise<Lags>): Promise<ReadonlySet<Name>> => {
    const written = await work;
    for (const lagMs of written.values()) {
      if (lagMs !== null) telemetry?.tell({ kind: 'acknowledged', lagMs });
    }
    return new Set(written.keys());
  };
  return {
    pageLocal: (pairId, after, limit) => guard(() => pageLocal(pool, pairId, after, limit)),
    pageRemote: (pairId, after, limit) => guard(() => pageRemote(pool, pairId, after, limit)),
    load: (pairId, names) => guard(() => load(pool, pairId, names)),

    mark: (pairId, sides, names) =>
      guard(() =>
        mark(
          pool,
          pairId,
          names.map((name) => ({ name, sides: SIDES[sides] })),
        ),
      ),
    markBelow: (pairId, sides, name) => guard(() => markBelow(pool, pairId, sides, name)),
    markProblems: (pairId, exceptCodes) => guard(() => markProblems(pool, pairId, exceptCodes)),
    recordListed: (pairId, objects) => guard(() => recordListed(pool, pairId, objects)),
    candidates: (pairId, limit) => guard(() => candidates(pool, pairId, limit)),
    issueSerials: (count) => guard(() => issueSerials(pool, count)),
    record: (pairId, records, events) => {
      const run = (session: Session) => record(session, pairId, records, events);
      return told(records.some(reachesFurther) ? transaction(run) : guard(() => run(pool)));
    },

    dispatch: async (pairId, window, holdMs) =>
      (await guard(() => mayDispatch(pool, pairId, window)))
        ? transaction((session) => dispatch(session, pairId, window, holdMs))
        : [],
    claim: (pairId, items, holder, holdMs) => guard(() => claim(pool, pairId, items, holder, holdMs)),
    beingChangedHere: (pairId, names) => guard(() => beingChangedHere(pool, pairId, names)),
    movedHere: (pairId, names) => guard(() => movedHere(pool, pairId, names)),
    movedUpstream: (pairId, names) => guard(() => movedUpstream(pool, pairId, names)),
    acknowledge: (pairId, acknowledgements, effects) => {
      const run = async (session: Session) => {
        const names = await acknowledge(session, pairId, acknowledgements);
        await addEffects(session, pairId, effects);
        const gone = acknowledgements.filter((given) => removedObject(given) && names.has(given.name));
        if (gone.length > 0) {
          const goneNames = gone.map(({ name }) => name);
          await markEmptiedAbove(session, pairId, goneNames, 'last-names-first');
        }
        const made = acknowledgements.filter((given) => madeDirectoryHere(given) && names.has(given.name));
        if (made.length > 0) {
          await markEmptied(
            session,
            pairId,
            made.map(({ name }) => name),
          );
        }
        const ended = acknowledgements.filter((given) => endedObject(given) && names.has(given.name));
        if (ended.length > 0) {
          await markAroundEnded(
            session,
            pairId,
            ended.map(({ name }) => name),
          );
        }
        return names;
      };
      const touchesOthers = acknowledgements.some((given) => endedObject(given) || madeDirectoryHere(given));
      const isSingle = hasNoEffects(effects) && !touchesOthers;
      return told(isSingle ? guard(() => run(pool)) : transaction(run));
    },
    release: (pairId, releases, effects) => {
      const run = async (session: Session) => {
        const names = await release(session, pairId, releases);
        await addEffects(session, pairId, effects);
        return names;
      };
      return hasNoEffects(effects) ? guard(() => run(pool)) : transaction(run);
    },
    lookAgainAtDeletes: (pairId) => guard(() => lookAgainAtDeletes(pool, pairId)),
    waitingDeletes: (pairId) => guard(() => waitingDeletes(pool, pairId)),
    countDeletes: (pairId, terms) => guard(() => countDeletes(pool, pairId, terms)),
    countRenames: (pairId, windowMs) => guard(() => countRenames(pool, pairId, windowMs)),
    letDeletesGo: (pairId, counted) =>
      transaction((session) => letDeletesGo(session, pairId, counted), WHOLE_PAIR_MS),
    holdDeletes: (pairId) => transaction((session) => holdDeletes(session, pairId), WHOLE_PAIR_MS),
    endHold: (pairId) => guard(() => endHold(pool, pairId)),
    unansweredHolds: () => guard(() => unansweredHolds(pool)),
    takeBackDeletes: () => guard(() => takeBackDeletes(pool, null)),
    pageHeldDeletes: (pairId, after, limit) => guard(() => pageHeldDeletes(pool, pairId, after, limit)),
    approveDeletes: (pairId) =>
      transaction((session) => answerDeletes(session, pairId, 'approve'), WHOLE_PAIR_MS),
    revertDeletes: (pairId) =>
      transaction((session) => answerDeletes(session, pairId, 'revert'), WHOLE_PAIR_MS),

    forgetDispatched: () => guard(() => forgetDispatched(pool)),

    work: () => guard(() => work(pool)),
    counts: (pairId) => guard(() => counts(pool, pairId)),
    hasWorkBelow: (pairId, name) => guard(() => hasWorkBelow(pool, pairId, name)),
    hasUpstreamNewsBelow: (pairId, name) => guard(() => hasUpstreamNewsBelow(pool, pairId, name)),
    upstreamObjects: (pairId, names) => guard(() => upstreamObjects(pool, pairId, names)),

    openProblem: (pairId, shown, problem) => guard(() => openProblem(pool, pairId, shown, problem)),
    time: () => guard(() => time(pool)),
    closeProblems: (pairId, codes, since) => guard(() => closeProblems(pool, pairId, codes, since)),
    problems: (pairId) => guard(() => problems(pool, pairId)),

    appendHistory: (pairId, events) => guard(() => appendHistory(pool, pairId, events)),
    history: (pairId, name, limit) => guard(() => history(pool, pairId, name, limit)),
    transferred: (pairId, since) => guard(() => transferred(pool, pairId, since)),

    trash: (pairId, name) => guard(() => trash(pool, pairId, name)),
    pageTrash: (pairId, after, limit) => guard(() => pageTrash(pool, pairId, after, limit)),
    recordedTrash: (pairId, places) => guard(() => recordedTrash(pool, pairId, places)),
    dueTrash: (volume, limit) => guard(() => dueTrash(pool, volume, limit)),
    settleTrash: (id, as) => guard(() => settleTrash(pool, id, as)),
  };
}

function hasNoEffects({ candidates, recovery, history }: SideEffects): boolean {
  return candidates.length + recovery.length + history.length === 0;
}

async function addEffects(session: Session, pairId: number, effects: SideEffects): Promise<void> {
  await addPointers(session, pairId, effects.recovery);
  await appendHistory(session, pairId, effects.history);
  await mark(
    session,
    pairId,
    effects.candidates.map(({ name, side }) => ({ name, sides: SIDES[side] })),
  );
}

// COPY, MOVE and their PUT spellings. The COPY and MOVE methods guard the
// source and never the destination; PUT with X-Copy-From or X-Move-From guards
// the destination and never the source. MOVE takes whatever is newest.

import type { Container } from './container.ts';
import { Fault } from './fault.ts';
import { mergeMeta, sentObjectMeta } from './metadata.ts';
import { checkPutConditions, pathsBelow } from './object-write.ts';
import { checkQuota, commit, etagOf, type Pithos, requireContainer } from './pithos.ts';
import { checkWriteConditions, hasWriteConditions } from './preconditions.ts';
import { bodyLength, hasFlag, type PithosRequest, type Reply } from './request.ts';
import type { Meta, Version } from './version-store.ts';
import { parsePathHeader } from './wire-text.ts';

interface Place {
  readonly container: string;
  readonly object: string;
}

interface Transfer {
  readonly from: Place;
  readonly to: Place;
  readonly isMove: boolean;
  /** X-Source-Version; a MOVE ignores it. */
  readonly pinned: string | undefined;
}

/** The COPY and MOVE methods: the URL is the source. */
export async function transferTo(pithos: Pithos, request: PithosRequest): Promise<Reply> {
  const isMove = request.method === 'MOVE';
  const destination = request.headers.get('destination');
  if (!destination) throw new Fault(400, 'Missing Destination header');
  requireSameAccount(request, 'destination-account');
  const to = parsePathHeader(destination, 'Destination');
  const { container: name, object } = request.target;
  const pinned = isMove ? undefined : request.headers.get('x-source-version');
  if (hasWriteConditions(request.headers)) {
    const container = requireContainer(pithos, request.target.account, name);
    const source = selectSource(pithos, container, object, pinned);
    checkWriteConditions(request.headers, etagOf(pithos, source));
  }
  return transfer(pithos, request, { from: { container: name, object }, to, isMove, pinned });
}

/** PUT with X-Move-From or X-Copy-From: the URL is the destination. */
export async function transferFrom(pithos: Pithos, request: PithosRequest): Promise<Reply> {
  checkPutConditions(pithos, request);
  sentObjectMeta(request.headers);
  bodyLength({ ...request, isChunked: false });
  requireSameAccount(request, 'x-source-account');
  const moveFrom = request.headers.get('x-move-from');
  const isMove = Boolean(moveFrom);
  const header = isMove ? 'X-Move-From' : 'X-Copy-From';
  const from = parsePathHeader(moveFrom || (request.headers.get('x-copy-from') ?? ''), header);
  const { container, object } = request.target;
  const pinned = isMove ? undefined : request.headers.get('x-source-version');
  return transfer(pithos, request, { from, to: { container, object }, isMove, pinned });
}

/** Cross-account transfers need sharing, which is not simulated. */
function requireSameAccount(request: PithosRequest, header: string): void {
  const account = request.headers.get(header);
  if (account && account !== request.target.account) throw new Fault(403, 'Not allowed');
}

async function transfer(pithos: Pithos, request: PithosRequest, plan: Transfer): Promise<Reply> {
  const sent = sentObjectMeta(request.headers);
  const sentType = hasFlag(request, 'ignore_content_type') ? undefined : request.headers.get('content-type');
  const names = [plan.from.container, plan.to.container];
  const serials = await commit(pithos, request, names, ([source, target]) => {
    const { from, to } = plan;
    const step = { source: source!, target: target!, plan, sent, sentType, author: request.user.userId };
    const done = [transferOne(pithos, step, from.object, to.object)];
    const delimiter = request.query.get('delimiter');
    if (delimiter) {
      const trim = (path: string) => (path.endsWith(delimiter) ? path : path + delimiter);
      for (const path of pathsBelow(pithos, source!.id, from.object, delimiter)) {
        const rest = path.slice(trim(from.object).length);
        const below = { ...step, plan: { ...plan, pinned: undefined } };
        done.push(transferOne(pithos, below, path, trim(to.object) + rest));
      }
    }
    checkQuota(pithos, target!);
    return done;
  });
  return { status: 201, headers: { 'X-Object-Version': versionHeader(pithos, serials, plan.isMove) } };
}

interface Step {
  readonly source: Container;
  readonly target: Container;
  readonly plan: Transfer;
  readonly sent: Meta;
  readonly sentType: string | undefined;
  readonly author: string;
}

function transferOne(pithos: Pithos, step: Step, from: string, to: string): number {
  const { source, target, plan } = step;
  const version = selectSource(pithos, source, from, plan.pinned);
  // Type and MD5 come from the latest version even when an older one is copied.
  const latest = pithos.versions.current(source.id, from);
  const draft = {
    path: to,
    hash: version.hash,
    bytes: version.bytes,
    type: step.sentType ?? latest?.type ?? '',
    md5: latest?.md5 ?? '',
    author: step.author,
    meta: mergeMeta(version.meta, step.sent),
    uuid: plan.isMove ? version.uuid : pithos.newUuid(),
  };
  const written = pithos.versions.write(target, draft, pithos.clock());
  const isSamePlace = source.id === target.id && from === to;
  if (plan.isMove && !isSamePlace) pithos.versions.remove(source, from, step.author, pithos.clock());
  return written.serial;
}

function selectSource(
  pithos: Pithos,
  container: Container,
  path: string,
  pinned: string | undefined,
): Version {
  let version: Version | undefined;
  if (!pinned) version = pithos.versions.current(container.id, path);
  else if (/^\d{1,15}$/.test(pinned)) version = pithos.versions.bySerial(container.id, path, Number(pinned));
  if (version === undefined) throw new Fault(404, 'Container or object does not exist');
  return version;
}

/** MOVE leaks the server's tuple: `([983], 0, 0)`, percent-encoded later like every such header. */
function versionHeader(pithos: Pithos, serials: readonly number[], isMove: boolean): string {
  if (!isMove) return String(serials[0]);
  const suffix = pithos.settings.longSerials ? 'L' : '';
  return `([${serials.map((serial) => `${serial}${suffix}`).join(', ')}], 0, 0)`;
}

// Requests on accounts and containers, block upload among them. No container
// write looks at preconditions, and block upload does not even look whether
// the container exists.

import { type Container, lastModified, type Policy } from './container.ts';
import { Fault } from './fault.ts';
import { listObjects, pageLimit } from './listing.ts';
import { mergeMeta, parseMeta, sentContainerMeta, sentPolicy } from './metadata.ts';
import { commit, type Pithos, requireContainer } from './pithos.ts';
import { checkDateConditions } from './preconditions.ts';
import { escapeXml, jsonReply, listReply, xmlReply } from './render.ts';
import {
  bodyBlocks,
  hasFlag,
  integerParameter,
  type PithosRequest,
  type Reply,
  replyFormat,
} from './request.ts';
import { httpDate, isoDate, MICROS_PER_SECOND } from './timestamps.ts';

export function handleAccount(pithos: Pithos, request: PithosRequest): Reply {
  if (request.method !== 'GET' && request.method !== 'HEAD') throw new Fault(400, 'Method not allowed');
  const account = request.target.account;
  const all = pithos.tables.containers.list(account, '', -1);
  const headers = {
    'X-Account-Container-Count': String(all.length),
    'X-Account-Bytes-Used': String(all.reduce((sum, container) => sum + container.objectBytes, 0)),
    'X-Account-Policy-Versioning': pithos.settings.defaultVersioning,
  };
  if (request.method === 'HEAD') return { status: 204, headers };
  const marker = request.query.get('marker') ?? '';
  const page = pithos.tables.containers.list(account, marker, pageLimit(pithos, request));
  const entries = page.map((container) => ({
    name: container.name,
    count: container.objectCount,
    bytes: container.objectBytes,
    last_modified: isoDate(lastModified(container)),
    x_container_policy: {
      versioning: container.versioning,
      quota: String(container.quota),
      project: container.project,
    },
  }));
  return listReply(replyFormat(request, 'text'), entries, { list: 'account', item: 'container' }, headers);
}

export function handleContainer(pithos: Pithos, request: PithosRequest): Reply | Promise<Reply> {
  switch (request.method) {
    case 'PUT':
      return putContainer(pithos, request);
    case 'HEAD':
      return headContainer(pithos, request);
    case 'GET':
      return listContainer(pithos, request);
    case 'POST':
      return postContainer(pithos, request);
    case 'DELETE':
      return deleteContainer(pithos, request);
    default:
      throw new Fault(400, 'Method not allowed');
  }
}

function putContainer(pithos: Pithos, request: PithosRequest): Reply {
  const { account, container: name } = request.target;
  const meta = sentContainerMeta(request.headers);
  const policy = sentPolicy(request.headers);
  return pithos.tables.transaction(() => {
    const existing = pithos.tables.containers.find(account, name);
    if (existing === undefined) {
      pithos.versions.skipSerial();
      pithos.tables.containers.create(
        account,
        name,
        { ...defaultPolicy(pithos, request), ...policy },
        meta,
        pithos.clock(),
      );
      return { status: 201, headers: {} };
    }
    if (policy !== undefined) pithos.tables.containers.setPolicy(existing.id, { ...existing, ...policy });
    if (Object.keys(meta).length > 0) changeMeta(pithos, existing, mergeMeta(existing.meta, meta));
    return { status: 202, headers: {} };
  });
}

function defaultPolicy(pithos: Pithos, request: PithosRequest): Policy {
  return { versioning: pithos.settings.defaultVersioning, quota: 0, project: request.user.userId };
}

function changeMeta(pithos: Pithos, container: Container, meta: Readonly<Record<string, string>>): void {
  pithos.versions.skipSerial();
  pithos.tables.containers.setMeta(container.id, meta, pithos.clock());
}

function headContainer(pithos: Pithos, request: PithosRequest): Reply {
  const container = requireContainer(pithos, request.target.account, request.target.container);
  checkDateConditions(request.headers, lastModified(container));
  return { status: 204, headers: containerHeaders(pithos, container) };
}

function listContainer(pithos: Pithos, request: PithosRequest): Reply {
  const container = requireContainer(pithos, request.target.account, request.target.container);
  checkDateConditions(request.headers, lastModified(container));
  const entries = listObjects(pithos, container.id, request);
  const names = { list: 'container', item: 'object' };
  return listReply(replyFormat(request, 'text'), entries, names, containerHeaders(pithos, container));
}

function containerHeaders(pithos: Pithos, container: Container): Record<string, string> {
  return {
    'X-Container-Object-Count': String(container.objectCount),
    'X-Container-Bytes-Used': String(container.objectBytes),
    'X-Container-Block-Size': String(pithos.blockSize),
    'X-Container-Block-Hash': 'sha256',
    'X-Container-Policy-Versioning': container.versioning,
    'X-Container-Policy-Quota': String(container.quota),
    'X-Container-Policy-Project': container.project,
    'X-Container-Object-Meta': '',
    ...parseMeta(container.meta),
    'Last-Modified': httpDate(lastModified(container)),
  };
}

async function postContainer(pithos: Pithos, request: PithosRequest): Promise<Reply> {
  const { account, container: name } = request.target;
  const meta = sentContainerMeta(request.headers);
  const policy = sentPolicy(request.headers);
  const isReplacing = !hasFlag(request, 'update');
  // With `update` and no headers nothing asks for the container, so blocks for a missing one get 202.
  if (isReplacing || policy !== undefined || Object.keys(meta).length > 0) {
    pithos.tables.transaction(() => {
      const container = requireContainer(pithos, account, name);
      if (policy !== undefined) {
        const kept = isReplacing ? defaultPolicy(pithos, request) : container;
        pithos.tables.containers.setPolicy(container.id, { ...kept, ...policy });
      }
      if (isReplacing) changeMeta(pithos, container, meta);
      else if (Object.keys(meta).length > 0) changeMeta(pithos, container, mergeMeta(container.meta, meta));
    });
  }
  // The type must match to the letter: with a charset parameter the body is ignored without a word.
  if (request.headers.get('content-type') !== 'application/octet-stream') return { status: 202, headers: {} };
  const hashes: string[] = [];
  for await (const block of bodyBlocks(request, pithos.blockSize)) hashes.push(pithos.blocks.put(block));
  if (hashes.length === 0) return { status: 202, headers: {} };
  if (replyFormat(request, 'json') === 'xml') {
    const items = hashes.map((hash) => `<hash>${escapeXml(hash)}</hash>`).join('');
    return xmlReply(202, `<hashes>${items}</hashes>`, {});
  }
  return jsonReply(202, hashes);
}

async function deleteContainer(pithos: Pithos, request: PithosRequest): Promise<Reply> {
  const until = integerParameter(request, 'until');
  const delimiter = request.query.get('delimiter');
  return commit(pithos, request, [request.target.container], ([container]) => {
    const { id, objectCount } = container!;
    if (until !== undefined) {
      pithos.versions.purgeHistory(id, until * MICROS_PER_SECOND);
    } else if (delimiter) {
      for (const path of pithos.versions.pathsUnder(id, '')) {
        pithos.versions.remove(container!, path, request.user.userId, pithos.clock());
      }
    } else {
      if (objectCount > 0) throw new Fault(409, 'Container is not empty');
      pithos.tables.containers.remove(id);
    }
    return { status: 204, headers: {} };
  });
}

/** Each overlay renders, to objects that the published API types know, with the safety that every container shall have. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, it } from 'node:test';
import { settingsFor } from '#libs/config/schema.ts';
import {
  containersOf,
  isOurs,
  type KubernetesObject,
  OVERLAYS,
  render,
  whyNoKustomize,
} from './kubernetes.ts';

const CHECKOUT = resolve(import.meta.dirname, '../..');
const why = whyNoKustomize();

interface Model {
  validate(): void;
}

/** The module with the published types of an object's kind. */
function moduleOf({ apiVersion }: KubernetesObject): string {
  return apiVersion.startsWith('keda.sh/')
    ? `@kubernetes-models/keda/${apiVersion}`
    : `kubernetes-models/${apiVersion}`;
}

async function assertValid(object: KubernetesObject): Promise<void> {
  const kinds = (await import(moduleOf(object))) as Record<string, new (of: KubernetesObject) => Model>;
  const Kind = kinds[object.kind];
  assert.ok(Kind !== undefined, `${object.apiVersion} has no ${object.kind}`);
  new Kind(object).validate();
}

/** Fields that no type has are found by the compiler: a schema lets them pass. */
async function assertNoUnknownField(objects: readonly KubernetesObject[]): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-types-'));
  try {
    await symlink(join(CHECKOUT, 'node_modules'), join(dir, 'node_modules'));
    await writeFile(join(dir, 'package.json'), '{"type":"module"}');
    const lines = objects.flatMap((object, index) => [
      `import type { I${object.kind} as I${index} } from '${moduleOf(object)}';`,
      `export const o${index}: I${index} = ${JSON.stringify(object, null, 1)};`,
    ]);
    await writeFile(join(dir, 'objects.ts'), lines.join('\n'));
    const tsc = join(CHECKOUT, 'node_modules/typescript/bin/tsc');
    const options = [
      '--noEmit',
      '--strict',
      '--skipLibCheck',
      '--module',
      'nodenext',
      '--target',
      'esnext',
      '--types',
      '',
    ];
    try {
      execFileSync(process.execPath, [tsc, ...options, 'objects.ts'], {
        cwd: dir,
        encoding: 'utf8',
        stdio: 'pipe',
      });
    } catch (thrown) {
      assert.fail((thrown as { stdout?: string }).stdout ?? String(thrown));
    }
  } finally {
    await rm(dir, { recursive: true });
  }
}

describe('overlays', { skip: why ?? false }, () => {
  for (const overlay of OVERLAYS) {
    it(`${overlay}: every object is of a published type, with no field that it does not have`, async () => {
      const objects = render(overlay);
      for (const object of objects) await assertValid(object);
      await assertNoUnknownField(objects);
    });

    it(`${overlay}: no container is root, may write outside its mounts, or holds a token`, () => {
      for (const { object, pod, container } of containersOf(render(overlay))) {
        const where = `${object.kind} ${object.metadata.name}`;
        assert.equal(pod.automountServiceAccountToken, false, where);
        assert.equal(pod.securityContext?.runAsNonRoot, true, where);
        assert.ok((pod.securityContext?.runAsUser ?? 0) > 0, where);
        assert.equal(container.securityContext?.readOnlyRootFilesystem, true, where);
        assert.equal(container.securityContext?.allowPrivilegeEscalation, false, where);
        assert.deepEqual(container.securityContext?.capabilities?.drop, ['ALL'], where);
      }
    });

    it(`${overlay}: the probes ask what each means, and a pod has time to drain`, () => {
      const objects = render(overlay);
      const settings = objects.find(({ metadata }) => metadata.name === 'holdfast-settings')?.data ?? {};
      const drainSeconds = Number(settings['HOLDFAST_DRAIN_MS']) / 1_000;
      for (const { object, pod, container } of containersOf(objects).filter(isOurs)) {
        if (object.kind === 'Job') continue;
        const where = `${object.kind} ${object.metadata.name}`;
        assert.equal(container.livenessProbe?.httpGet.path, '/livez', where);
        assert.equal(container.readinessProbe?.httpGet.path, '/readyz', where);
        const ports = new Set(container.ports?.map(({ name }) => name));
        for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe])
          assert.ok(ports.has(probe?.httpGet.port ?? ''), where);
        assert.ok(drainSeconds + 15 <= (pod.terminationGracePeriodSeconds ?? 30), where);
      }
    });

    it(`${overlay}: selectors select, and every name that is referred to is there`, () => {
      const objects = render(overlay);
      const pods = objects.flatMap((object) => {
        const template = object.spec?.template as
          | { metadata?: { labels?: Record<string, string> } }
          | undefined;
        return template === undefined ? [] : [template.metadata?.labels ?? {}];
      });
      const selects = (labels: Record<string, string>): boolean =>
        pods.some((pod) => Object.entries(labels).every(([key, value]) => pod[key] === value));
      for (const { kind, metadata, spec } of objects) {
        const where = `${kind} ${metadata.name}`;
        const selector = (spec?.['selector'] ?? spec?.['podSelector']) as Record<string, unknown> | undefined;
        if (selector !== undefined)
          assert.ok(selects((selector['matchLabels'] ?? selector) as Record<string, string>), where);
        const target = spec?.['scaleTargetRef'] as { kind: string; name: string } | undefined;
        if (target !== undefined)
          assert.ok(
            objects.some((each) => each.kind === target.kind && each.metadata.name === target.name),
            where,
          );
      }
      const known = new Set(Object.values(settingsFor({})).map(({ env }) => env));
      const settings = objects.find(({ metadata }) => metadata.name === 'holdfast-settings')?.data ?? {};
      const written = containersOf(objects)
        .filter(isOurs)
        .flatMap(({ container }) => container.env ?? []);
      for (const name of [...Object.keys(settings), ...written.map((each) => each.name)])
        assert.ok(known.has(name), `${name} is a setting`);
    });
  }

  it('autoscaling asks for a metric that the console tells', async () => {
    const scalers = OVERLAYS.flatMap(render).filter(({ kind }) => kind === 'ScaledObject');
    assert.equal(scalers.length, 4);
    for (const { metadata, spec } of scalers) {
      const text = JSON.stringify(spec?.['triggers']);
      assert.match(text, /holdfast_backlog_(decisions|candidates)\{volume=\\"default\\"\}/, metadata.name);
    }
  });

  it('a field that no type has, and a value that none allows, are found', async () => {
    const [service] = render('small').filter(({ kind }) => kind === 'Service');
    assert.ok(service !== undefined);
    await assert.rejects(
      assertNoUnknownField([{ ...service, spec: { ...service.spec, selektor: {} } } as KubernetesObject]),
    );
    await assert.rejects(
      assertValid({ ...service, spec: { ...service.spec, ports: 'http' } } as KubernetesObject),
    );
  });
});

if (why !== null) it(`Kubernetes overlays are not rendered: ${why}`, { skip: why }, () => {});

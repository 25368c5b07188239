/** Kubernetes: the overlays as kustomize renders them, and the containers in them. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { parseAllDocuments } from 'yaml';

const KUBERNETES = resolve(import.meta.dirname, '../../deploy/kubernetes');

export const OVERLAYS = ['small', 'fleet', 'trial', 'small with every other component'] as const;
export type Overlay = (typeof OVERLAYS)[number];

export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: { readonly template?: { readonly spec: PodSpec }; readonly [other: string]: unknown };
}

export interface PodSpec {
  readonly automountServiceAccountToken?: boolean;
  readonly terminationGracePeriodSeconds?: number;
  readonly securityContext?: {
    readonly runAsUser: number;
    readonly runAsGroup: number;
    readonly runAsNonRoot: boolean;
  };
  readonly containers: readonly Container[];
  readonly volumes?: readonly { readonly name: string; readonly secret?: { readonly secretName: string } }[];
}

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly env?: readonly {
    readonly name: string;
    readonly value?: string;
    readonly valueFrom?: { readonly secretKeyRef?: { readonly name: string; readonly key: string } };
  }[];
  readonly envFrom?: readonly {
    readonly configMapRef?: { readonly name: string };
    readonly secretRef?: { readonly name: string };
  }[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly volumeMounts?: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly readOnly?: boolean;
  }[];
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly startupProbe?: Probe;
  readonly securityContext?: {
    readonly readOnlyRootFilesystem?: boolean;
    readonly allowPrivilegeEscalation?: boolean;
    readonly capabilities?: { readonly drop?: readonly string[] };
  };
}

const RENDERERS: readonly (readonly string[])[] = [
  ['kubectl', 'kustomize'],
  ['kustomize', 'build'],
];

function renderer(): readonly string[] | undefined {
  return RENDERERS.find(([program = '']) => {
    try {
      execFileSync(program, ['version', ...(program === 'kubectl' ? ['--client'] : [])], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  });
}

/** Why overlays cannot be rendered here; null where they can. */
export function whyNoKustomize(): string | null {
  if (renderer() !== undefined) return null;
  return 'neither kubectl nor kustomize is on PATH; get one, for example: go install sigs.k8s.io/kustomize/kustomize/v5@latest';
}

const rendered = new Map<Overlay, readonly KubernetesObject[]>();

/** @throws Error with kustomize's own words */
export function render(overlay: Overlay): readonly KubernetesObject[] {
  const known = rendered.get(overlay);
  if (known !== undefined) return known;
  const objects =
    overlay === 'small with every other component'
      ? renderWithComponents()
      : build(join(KUBERNETES, 'overlays', overlay));
  rendered.set(overlay, objects);
  return objects;
}

/** What an operator writes who adds components: an overlay of his own. */
function renderWithComponents(): readonly KubernetesObject[] {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-overlay-'));
  try {
    const from = (path: string): string => relative(dir, join(KUBERNETES, path));
    const lines = [
      'apiVersion: kustomize.config.k8s.io/v1beta1',
      'kind: Kustomization',
      `resources: [${from('overlays/small')}]`,
      `components: [${from('components/hint-watchers')}, ${from('components/keda')}, ${from('components/notifications')}]`,
      'images: [{ name: holdfast, newName: registry.example.org/holdfast, newTag: "0.1.0" }]',
    ];
    writeFileSync(join(dir, 'kustomization.yaml'), lines.join('\n'));
    return build(dir);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

function build(dir: string): readonly KubernetesObject[] {
  const [program = '', verb = ''] = renderer() ?? [];
  const text = execFileSync(program, [verb, dir], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  return parseAllDocuments(text).map((document) => {
    const object = document.toJS() as KubernetesObject;
    if (object.kind !== 'Secret') return object;
    // kustomize breaks long base64 into lines, which Kubernetes takes and the schema does not.
    const data = Object.entries(object.data ?? {}).map(([key, value]) => [key, value.replaceAll(/\s/g, '')]);
    return { ...object, data: Object.fromEntries(data) };
  });
}

export interface Placed {
  readonly object: KubernetesObject;
  readonly pod: PodSpec;
  readonly container: Container;
}

/** Containers of all workloads, in the order of the objects. */
export function containersOf(objects: readonly KubernetesObject[]): readonly Placed[] {
  return objects.flatMap((object) => {
    const pod = object.spec?.template?.spec;
    return pod === undefined ? [] : pod.containers.map((container) => ({ object, pod, container }));
  });
}

/** Whether a container runs the image of this project. */
export function isOurs({ container }: Placed): boolean {
  return /(^|\/)holdfast(:|$)/.test(container.image);
}

/** The environment as written. @param given values of Secrets that the site brings, by name of the Secret. */
export function environmentOf(
  { container }: Placed,
  objects: readonly KubernetesObject[],
  given: Readonly<Record<string, Readonly<Record<string, string>>>>,
): Record<string, string> {
  const env: Record<string, string> = {};
  // Generated ones end in a digest.
  const secret = (name: string) => given[name.replace(/-[a-z0-9]{10}$/, '')] ?? given[name];
  for (const { configMapRef, secretRef } of container.envFrom ?? []) {
    const map = objects.find(
      ({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === configMapRef?.name,
    );
    const values = configMapRef === undefined ? secret(secretRef?.name ?? '') : map?.data;
    if (values === undefined) throw new Error(`nothing is named ${configMapRef?.name ?? secretRef?.name}`);
    Object.assign(env, values);
  }
  for (const { name, value, valueFrom } of container.env ?? []) {
    const reference = valueFrom?.secretKeyRef;
    const found = reference === undefined ? value : secret(reference.name)?.[reference.key];
    if (found === undefined) throw new Error(`${name} has no value`);
    env[name] = found;
  }
  return env;
}

/**
 * `node test/bench/json-masker.bench.ts`: what masking a list of 5,000 pods costs, as a server sends it in chunks: CPU time of this one
 * thread. Prints, never fails.
 */
import { createSecretKey } from 'node:crypto';
import { type DetectorName, detectorNames } from '../../services/core/masking/detectors.ts';
import { JsonMasker } from '../../services/core/masking/json-masker.ts';
import { compilePaths, parseJsonPath } from '../../services/core/masking/json-path.ts';
import { jsonMask } from '../../services/core/masking/json-values.ts';
import { ValueScanner } from '../../services/core/masking/scan.ts';

const pods = 5_000;
const chunkBytes = 64 * 1024;
const key = createSecretKey(Buffer.alloc(32, 7));

/** As `kubectl get pods -A` gets it: a table with each object's metadata. */
const row = (number: number) => ({
  cells: [
    `web-${number}-7c9f8d6b5-x${number}`,
    '1/1',
    'Running',
    number % 7,
    `${number % 40}d`,
    `10.42.${number % 250}.7`,
    `node-${number % 20}`,
  ],
  object: {
    kind: 'PartialObjectMetadata',
    apiVersion: 'meta.k8s.io/v1',
    metadata: {
      name: `web-${number}-7c9f8d6b5-x${number}`,
      generateName: 'web-7c9f8d6b5-',
      namespace: `team-${number % 30}`,
      uid: `550e8400-e29b-41d4-a716-4466554${String(number).padStart(5, '0')}`,
      resourceVersion: String(900_000 + number),
      creationTimestamp: '2026-11-02T10:22:33Z',
      labels: { app: `app-${number % 50}`, 'pod-template-hash': '7c9f8d6b5', team: 'shop' },
      annotations: { 'example.com/token': `token-${number}`, 'example.com/owner': 'ada@example.com' },
      ownerReferences: [
        { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-7c9f8d6b5', controller: true },
      ],
      managedFields: [
        {
          manager: 'kube-controller-manager',
          operation: 'Update',
          fieldsV1: {
            'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
            'f:spec': { 'f:containers': { 'k:{"name":"c"}': { 'f:image': {} } } },
          },
        },
      ],
    },
  },
});
const body = Buffer.from(
  JSON.stringify({
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    rows: Array.from({ length: pods }, (_, number) => row(number)),
  }),
);

function cpuSeconds(
  paths: readonly string[],
  detect: readonly DetectorName[],
): { seconds: number; count: number } {
  const rules = paths.map((text) => {
    const path = parseJsonPath(text);
    if ('fault' in path) throw new Error(path.fault);
    return { path, mask: jsonMask('redact', key, text) };
  });
  const scanner =
    detect.length === 0
      ? null
      : new ValueScanner(
          detect.map((detector) => ({ detector, transform: 'redact' })),
          key,
        );
  const plan = { paths: compilePaths(rules), scanner };
  const before = process.cpuUsage();
  const masker = new JsonMasker(plan);
  for (let at = 0; at < body.length; at += chunkBytes) masker.write(body.subarray(at, at + chunkBytes));
  masker.end();
  const { user, system } = process.cpuUsage(before);
  return { seconds: (user + system) / 1e6, count: masker.count };
}

console.log(`a table of ${pods} pods, ${(body.length / 1e6).toFixed(1)} MB; the best of ten`);
for (const [name, paths, detect] of [
  ['a path that is nowhere', ['secrets.password'], []],
  ['paths at any depth', ['**.annotations."example.com/token"', '**.password'], []],
  ['e-mail, cards, keys', [], ['email', 'card', 'api-key']],
  ['paths, and all detectors', ['**.annotations."example.com/token"'], detectorNames],
] as const) {
  const rounds = Array.from({ length: 10 }, () => cpuSeconds(paths, detect));
  const seconds = Math.min(...rounds.map((round) => round.seconds));
  console.log(
    `${name.padEnd(26)} ${(seconds * 1000).toFixed(0).padStart(5)} ms ${(body.length / 1e6 / seconds).toFixed(0).padStart(5)} MB/s, ${rounds[0]?.count} masked`,
  );
}

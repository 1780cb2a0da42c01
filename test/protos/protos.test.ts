import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { loadSync } from '@grpc/proto-loader';
import { beforeAll, expect, test } from '@jest/globals';
import { packageDefinition } from '../../services/edge/protos.ts';
import { envoyBinary } from '../servers/envoy.ts';
import { type Declaration, declarations, descriptorsIn } from './descriptors.ts';

const protosDir = join(import.meta.dirname, '../../protos');
const protoFiles = readdirSync(protosDir, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => relative(protosDir, join(entry.parentPath, entry.name)));

/** What our files declare, under the names that stand in them. What comes with the loader is not ours. */
const ours: readonly Declaration[] = (() => {
  const loaded = loadSync(protoFiles, { includeDirs: [protosDir], keepCase: true });
  const serialized = Object.values(loaded).flatMap(
    (definition) =>
      'fileDescriptorProtos' in definition ? (definition.fileDescriptorProtos as Buffer[]) : [], // its declared type
  );
  const distinct = new Map(serialized.map((bytes) => [bytes.toString('hex'), bytes]));
  return declarations([...distinct.values()]).filter(({ name }) => !name.startsWith('.google.protobuf.'));
})();

/** By name: the different lines with which the binary declares it. */
const theirs = new Map<string, Set<string>>();

beforeAll(async () => {
  const binary = readFileSync(await envoyBinary());
  // Envoy's build has this file under another path than the gRPC project.
  const inEnvoy = (file: string): string => (file.startsWith('grpc/') ? `src/proto/${file}` : file);
  for (const file of protoFiles) {
    for (const descriptor of descriptorsIn(binary, inEnvoy(file))) {
      for (const { name, line } of declarations([descriptor])) {
        theirs.set(name, (theirs.get(name) ?? new Set()).add(line));
      }
    }
  }
}, 600_000);

test.each(ours.map(({ name, line }) => [name, line]))('%s is %s in Envoy too', (name, line) => {
  expect([...(theirs.get(name) ?? [])]).toEqual([line]);
});

test('all of protos/ is compared, and all of it is used', () => {
  expect(ours.length).toBeGreaterThan(25);
  const messages = ours.filter(({ line }) => line === 'message').map(({ name }) => name.slice(1));
  const loaded = Object.keys(packageDefinition);
  const topLevel = messages.filter((name) => !messages.some((other) => name.startsWith(`${other}.`)));
  expect(loaded).toEqual(expect.arrayContaining(topLevel));
});

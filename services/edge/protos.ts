import { join } from 'node:path';
import type { ServiceDefinition } from '@grpc/grpc-js';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import { InvariantError } from '../core/model/errors.ts';

const protosDir = join(import.meta.dirname, '../../protos');

/** Everything in protos/: the files that have a service, and what they import. */
export const packageDefinition: PackageDefinition = loadSync(
  [
    'envoy/service/auth/v3/external_auth.proto',
    'envoy/service/ext_proc/v3/external_processor.proto',
    'grpc/health/v1/health.proto',
  ],
  { includeDirs: [protosDir], enums: String, longs: Number },
);

export function serviceDefinition(fullName: string): ServiceDefinition {
  const found = packageDefinition[fullName];
  if (found === undefined || 'format' in found) {
    throw new InvariantError(`protos/ declares no service ${fullName}`);
  }
  return found as ServiceDefinition; // what is not a message or an enum (they have a format) is a service
}

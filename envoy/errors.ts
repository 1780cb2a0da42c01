import { SallyportError } from '../services/core/model/errors.ts';

export type EnvoyErrorCode =
  /** A unix socket's path would not fit into sockaddr_un. */
  | 'socket-path-too-long'
  /** A listener's name cannot be a file name of its own in the run folder. */
  | 'bad-listener-name'
  /** The run folder belongs to somebody else. */
  | 'unsafe-run-dir'
  /** No listener kind is known for the listener's protocol. */
  | 'unknown-protocol'
  /** Two targets claim one host name. */
  | 'host-taken'
  /** `gateway.envoy.admin` is not `host:port`. */
  | 'bad-admin-address'
  /** The binary that was named does not run, or is of a version that we do not know. */
  | 'unusable-binary'
  /** There is no pinned binary for this operating system or processor. */
  | 'unsupported-platform'
  | 'download-failed'
  /** What was downloaded is not what was pinned. */
  | 'wrong-hash'
  /** Envoy itself refuses the configuration. */
  | 'config-refused'
  /** Another Envoy works by the files of this run folder. */
  | 'already-running'
  /** Envoy ended, or was not ready in time, when it was started. */
  | 'did-not-start'
  | 'admin-unreachable';

export class EnvoyError extends SallyportError<EnvoyErrorCode> {}

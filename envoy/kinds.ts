import { httpRequests } from './http-requests.ts';
import type { ListenerKind } from './listener-kind.ts';
import { tcpEngine } from './tcp-engine.ts';

/** Which protocol is served how: the only place in this folder that names protocols. */
export const listenerKinds: ReadonlyMap<string, ListenerKind> = new Map([
  ['postgres', tcpEngine],
  ['http', httpRequests],
]);

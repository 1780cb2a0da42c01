import type { Protocol } from '../protocol.ts';
import { RequestsEngine } from '../requests/engine.ts';
import type { RequestTarget } from '../requests/target.ts';
import { createAnalyst } from './analyst.ts';
import { HttpLanguage } from './language.ts';
import { httpPolicy } from './policy.ts';
import { httpTargetSchema } from './target.ts';

/** HTTP/1.1 and HTTP/2, which Envoy speaks; each request is asked about before it is forwarded. */
export const http: Protocol<RequestTarget> = {
  name: 'http',
  listeners: 'http',
  policy: httpPolicy,
  targetSchema: httpTargetSchema,
  listenerFault({ oauth, tls }) {
    if (oauth !== null) return { path: ['oauth'], message: 'belongs to listeners that speak postgres' };
    if (tls !== null && !tls.required) {
      return {
        path: ['tls', 'required'],
        message: 'cannot be false: an HTTP port speaks TLS, or it does not',
      };
    }
    return null;
  },
  createEngine: (services) => new RequestsEngine(new HttpLanguage(services.maskingKey), services),
  createAnalyst,
};

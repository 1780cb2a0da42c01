import type { Protocol } from '../protocol.ts';
import { RequestsEngine } from '../requests/engine.ts';
import type { RequestTarget } from '../requests/target.ts';
import { createAnalyst } from './analyst.ts';
import { KubernetesLanguage } from './language.ts';
import { kubernetesPolicy } from './policy.ts';
import { KubernetesStreams } from './streams/carrier.ts';
import { kubernetesTargetSchema } from './target.ts';

/** The Kubernetes API, which kubectl and client libraries speak over HTTP; its targets are reached by HTTP listeners. */
export const kubernetes: Protocol<RequestTarget> = {
  name: 'kubernetes',
  listeners: 'http',
  policy: kubernetesPolicy,
  targetSchema: kubernetesTargetSchema,
  createEngine: (services) =>
    new RequestsEngine(
      new KubernetesLanguage(services.maskingKey, new KubernetesStreams(services)),
      services,
    ),
  createAnalyst,
};

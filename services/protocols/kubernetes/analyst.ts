import { createSecretKey, randomBytes } from 'node:crypto';
import type { Intent } from '../../core/model/action.ts';
import { SallyportError } from '../../core/model/errors.ts';
import { listenerName, type TargetName } from '../../core/model/ids.ts';
import type { Analyst } from '../protocol.ts';
import { reach } from '../requests/reach.ts';
import type { RequestTarget } from '../requests/target.ts';
import { describedMasks } from './answer-plans.ts';
import { KubernetesLanguage } from './language.ts';

export class KubernetesTargetError extends SallyportError<'not-a-request'> {}

/** Reads requests as the gateway would. A write is asked of the API server as a dry run, as the gateway does. */
export function createAnalyst(name: TargetName, target: RequestTarget): Promise<Analyst> {
  // Nothing is masked here: any key will do.
  const language = new KubernetesLanguage(createSecretKey(randomBytes(32)), null);
  return Promise.resolve({
    analyse: (text) => analysed(name, target, language, text),
    masks: (_intent, obligations) => describedMasks(obligations),
    unmatched: () => [],
    reach: () => reach(target),
    close: () => Promise.resolve(),
  });
}

const wanted =
  'A request is written as "DELETE /api/v1/namespaces/dev/pods/web": a method and the path that the API server sees. A body in JSON follows after it.';

/** @throws KubernetesTargetError `not-a-request` */
async function analysed(
  name: TargetName,
  target: RequestTarget,
  language: KubernetesLanguage,
  text: string,
): Promise<Intent> {
  const [, method = '', path = '', rest = ''] = /^(\S+) (\/\S*)\s*(.*)$/s.exec(text.trim()) ?? [];
  if (method === '') throw new KubernetesTargetError('not-a-request', wanted);
  const body = Buffer.from(rest);
  const type = method === 'PATCH' ? 'application/strategic-merge-patch+json' : 'application/json';
  const request = {
    listener: listenerName('explain'),
    source: { ip: '127.0.0.1', port: 1 },
    certificate: null,
    method,
    host: target.authority,
    path,
    targetPath: path,
    headers: body.length === 0 ? [] : [{ name: 'content-type', value: type }],
    body,
    route: { target: name, prefix: '', basePath: '', kind: 'whole' as const },
  };
  const intent = language.read(request, target);
  const complete = intent.unacceptable === null ? language.completion(request, target, intent, null) : null;
  return (await complete?.()) ?? intent;
}

import type { Intent } from '../../core/model/action.ts';
import { SallyportError } from '../../core/model/errors.ts';
import type { TargetName } from '../../core/model/ids.ts';
import type { Analyst } from '../protocol.ts';
import type { Header } from '../request.ts';
import { describedMasks } from '../requests/answer-plan.ts';
import { credentialHeaders } from '../requests/credential.ts';
import { reach } from '../requests/reach.ts';
import type { RequestTarget } from '../requests/target.ts';
import { Intents } from './intent.ts';
import { readBody } from './request-body.ts';

export class HttpTargetError extends SallyportError<'not-a-request'> {}

/** Reads requests as the gateway would; nothing is asked of the target, since a decision hangs on the request alone. */
export function createAnalyst(name: TargetName, target: RequestTarget): Promise<Analyst> {
  const intents = new Intents();
  return Promise.resolve({
    analyse: (text) => Promise.resolve(analysed(name, target, intents, text)),
    masks: (_intent, obligations) => describedMasks(obligations),
    unmatched: () => [],
    reach: () => reach(target),
    close: () => Promise.resolve(),
  });
}

/** `DELETE /users/7?force=true`, with headers in lines of their own behind it, and the body behind an empty line. @throws HttpTargetError `not-a-request` */
function analysed(
  target: TargetName,
  { credential, authority, hosts }: RequestTarget,
  intents: Intents,
  text: string,
): Intent {
  const [head = '', ...parts] = text.trimStart().split(/\r?\n[ \t]*\r?\n/);
  const body = Buffer.from(parts.join('\n\n'));
  const [first = '', ...lines] = head.split(/\r?\n/);
  const { method = '', path = '' } = /^(?<method>\S+) (?<path>\/\S*)$/.exec(first.trim())?.groups ?? {};
  if (method === '') {
    throw new HttpTargetError(
      'not-a-request',
      'A request is written as "DELETE /users/7?force=true": a method and the path that the target sees. Headers follow, one a line, and the body after an empty line.',
    );
  }
  const headers = lines.filter((line) => line.trim() !== '').map(headerOf);
  const host = headers.find(({ name }) => name === 'host')?.value ?? hosts[0] ?? authority;
  // What Envoy tells by its routes: see envoy/http-routes.ts.
  const kind = headers.some(({ name, value }) => name === 'upgrade' && value.toLowerCase() === 'websocket')
    ? 'upgrade'
    : 'whole';
  const overwritten = new Set(credentialHeaders(credential).map(({ name }) => name));
  return intents.of({
    target,
    authority,
    method,
    host,
    path,
    headers,
    overwritten,
    body: readBody(headers, body),
    kind,
  });
}

function headerOf(line: string): Header {
  const colon = line.indexOf(':');
  if (colon <= 0)
    throw new HttpTargetError('not-a-request', `"${line}" is no header: it is written as name: value.`);
  return { name: line.slice(0, colon).trim().toLowerCase(), value: line.slice(colon + 1).trim() };
}

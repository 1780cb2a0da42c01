import { type IncomingMessage, type RequestOptions, request } from 'node:http';
import type { z } from 'zod';
import { messageOf } from '../../core/model/errors.ts';
import { type ProblemDocument, problemSchema } from '../api/problems.ts';
import type { Wire } from '../api/schemas.ts';
import { CliError, type CliErrorCode } from './errors.ts';
import { answerTimeoutMs, maxAnswerBytes, maxTranscriptBytes } from './limits.ts';
import { type PlaceOptions, socketPaths } from './state-folder.ts';
import { personToken } from './token-store.ts';

/**
 * Whether one of the gateway's processes answers and can write its chain; without a token, for watchdogs: one of several that has
 * died is started again by its supervisor, and is no reason to start all of them again.
 * @throws CliError `unreachable`
 */
export async function gatewayIsHealthy(place: PlaceOptions): Promise<boolean> {
  const enough = new AbortController();
  const answers = socketPaths(place).map((socket) => healthAt(socket, enough.signal));
  const well = answers.map(async (answer) => {
    if ((await answer) !== healthy) throw new Error('it cannot write its chain');
  });
  try {
    await Promise.any(well);
    return true;
  } catch {
    // None is well. That nobody answers at all is another failure, with words of its own.
    await firstOf(answers);
    return false;
  } finally {
    // One that hangs would keep us from ending.
    enough.abort();
  }
}

const healthy = 204;

async function healthAt(socket: string, signal: AbortSignal): Promise<number | undefined> {
  const response = await responseTo(socket, { path: '/health', signal }, null);
  response.resume();
  return response.statusCode;
}

/** The first of these processes to say anything: one that hangs, or is just being started again, is passed over. @throws CliError */
async function answering(sockets: readonly [string, ...string[]]): Promise<string> {
  const [first, ...others] = sockets;
  if (others.length === 0) return first;
  const enough = new AbortController();
  try {
    return await firstOf(sockets.map((socket) => healthAt(socket, enough.signal).then(() => socket)));
  } finally {
    enough.abort();
  }
}

/** When all fail, the first one's reason. */
async function firstOf<Result>(all: readonly Promise<Result>[]): Promise<Result> {
  try {
    return await Promise.any(all);
  } catch (error) {
    throw error instanceof AggregateError ? error.errors[0] : error;
  }
}

/** Speaks to the gateway's own API, as the person who has logged in. */
export class GatewayClient {
  readonly #socket: string;
  readonly #authorization: string;

  private constructor(socket: string, authorization: string) {
    this.#socket = socket;
    this.#authorization = authorization;
  }

  /** @throws CliError `not-permitted` when nobody is logged in; `config` when the gateway cannot be found */
  static async open(place: PlaceOptions): Promise<GatewayClient> {
    const sockets = socketPaths(place);
    const token = await personToken(process.env, Date.now());
    return new GatewayClient(await answering(sockets), `Bearer ${token.reveal()}`);
  }

  /** @throws CliError */
  get<Schema extends z.ZodType>(path: string, schema: Schema): Promise<Wire<Schema>> {
    return this.#document('GET', path, null, schema);
  }

  /** @throws CliError */
  post<Schema extends z.ZodType>(path: string, body: unknown, schema: Schema): Promise<Wire<Schema>> {
    return this.#document('POST', path, JSON.stringify(body), schema);
  }

  /** An answer of many documents, one a line, read to its end. @throws CliError */
  async lines(path: string): Promise<readonly string[]> {
    const text = await this.#answer('GET', path, null, maxTranscriptBytes);
    return text.split('\n').filter((line) => line !== '');
  }

  async #document<Schema extends z.ZodType>(
    method: string,
    path: string,
    body: string | null,
    schema: Schema,
  ): Promise<Wire<Schema>> {
    const text = await this.#answer(method, path, body, maxAnswerBytes);
    const parsed = schema.safeParse(jsonOf(text));
    if (!parsed.success) throw new CliError('failed', otherVersion(path), null, { cause: parsed.error });
    return parsed.data as Wire<Schema>; // as: the same shape, which nobody changes from here on
  }

  async #answer(method: string, path: string, body: string | null, maxBytes: number): Promise<string> {
    const headers = {
      authorization: this.#authorization,
      ...(body !== null && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
    };
    const response = await responseTo(this.#socket, { method, path, headers }, body);
    const text = await bodyOf(response, path, maxBytes);
    if (response.statusCode === 200) return text;
    throw refusalOf(text, path);
  }
}

/** @throws CliError `unreachable`, `not-permitted` */
const responseTo = (
  socket: string,
  wanted: Pick<RequestOptions, 'method' | 'path' | 'headers' | 'signal'>,
  body: string | null,
): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const asked = request({ ...wanted, socketPath: socket, agent: false, timeout: answerTimeoutMs });
    asked.once('response', resolve);
    asked.once('timeout', () => asked.destroy(new Error(`it did not answer within ${answerTimeoutMs} ms`)));
    asked.on('error', (error: NodeJS.ErrnoException) => reject(unreachable(socket, error)));
    asked.end(body ?? undefined);
  });

async function bodyOf(response: IncomingMessage, path: string, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      // as: no encoding was set
      bytes += chunk.length;
      if (bytes > maxBytes) {
        response.destroy();
        throw new CliError('failed', `The gateway’s answer to ${path} has more than ${maxBytes} bytes.`);
      }
      chunks.push(chunk);
    }
  } catch (cause) {
    if (cause instanceof CliError) throw cause;
    const message = `The gateway’s answer to ${path} was cut off: ${messageOf(cause)}`;
    throw new CliError('unreachable', message, 'Its log says why.', { cause });
  }
  return Buffer.concat(chunks).toString('utf8');
}

function unreachable(socket: string, error: NodeJS.ErrnoException): CliError {
  if (error.code === 'EACCES' || error.code === 'EPERM') {
    return new CliError(
      'not-permitted',
      `Only the user that runs the gateway may use its socket ${socket}.`,
      'Run this as that user (sudo -u): who you are is told by your token.',
      { cause: error },
    );
  }
  const why =
    error.code === 'ENOENT' || error.code === 'ECONNREFUSED' ? 'nobody listens there' : error.message;
  return new CliError(
    'unreachable',
    `The gateway cannot be reached at ${socket}: ${why}.`,
    'Is it running? "sallyport up -c FILE" starts it; -c FILE or --socket says where it is.',
    { cause: error },
  );
}

function refusalOf(text: string, path: string): CliError {
  const parsed = problemSchema.safeParse(jsonOf(text));
  if (!parsed.success) return new CliError('failed', otherVersion(path), null, { cause: parsed.error });
  const problem = parsed.data;
  return new CliError(codeOf(problem), problem.detail, problem.hint);
}

function codeOf({ status, code }: ProblemDocument): CliErrorCode {
  if (status === 401 || status === 403) return 'not-permitted';
  if (status === 404) return 'not-found';
  if (status === 503) return 'unreachable';
  return code === 'invalid-request' ? 'usage' : 'failed';
}

const otherVersion = (path: string): string =>
  `The gateway answers ${path} in a way that this sallyport does not know. Is it another version?`;

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // No JSON fits no schema either, and that is what the person is told.
    return undefined;
  }
}

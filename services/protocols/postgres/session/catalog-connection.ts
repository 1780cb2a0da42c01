import type { Socket } from 'node:net';
import type { Clock, Timer } from '../../../core/model/clock.ts';
import { messageOf } from '../../../core/model/errors.ts';
import type { PostgresTarget } from '../target.ts';
import { backend, frameOf, int16, int32, readMessageFields } from '../wire/backend.ts';
import { BodyReader } from '../wire/body.ts';
import { FrameReader } from '../wire/frames.ts';
import { frontend } from '../wire/frontend.ts';
import { maxBackendFrameBytes } from '../wire/limits.ts';
import { UpstreamError } from './errors.ts';
import { catalogDeadlineMs, maxCatalogBytes } from './limits.ts';
import { pinnedParameters } from './parameter-status.ts';
import { connectUpstream, type Upstream } from './upstream.ts';

type Rows = readonly (readonly (string | null)[])[];

interface Running {
  readonly rows: (readonly (string | null)[])[];
  bytes: number;
  error: UpstreamError | null;
  readonly timer: Timer;
  resolve(rows: Rows): void;
  reject(error: UpstreamError): void;
}

const startupParameters = (searchPath: string): ReadonlyMap<string, string> =>
  new Map([...pinnedParameters, ['application_name', 'sallyport catalog'], ['search_path', searchPath]]);

/** Not a start-up parameter: the server would report it, and be taken for one that is read-only. */
const readOnly = 'SET default_transaction_read_only = on';

/** A value as a client has bound it: its type (0 leaves that to the server), its format and its bytes. */
export interface QueryValue {
  readonly typeOid: number;
  readonly format: number;
  readonly value: Buffer | null;
}

/**
 * The gateway's own connection to a target, for reading its catalog: queries, one after the other, rows of text. Opened when
 * it is needed and again after it was lost; read-only unless it is said to write, and idle between catalogs.
 */
export class CatalogConnection {
  readonly #target: PostgresTarget;
  readonly #clock: Clock;
  readonly #searchPath: string;
  readonly #writes: boolean;
  #upstream: Promise<Upstream> | null = null;
  #socket: Socket | null = null;
  #reader = new FrameReader(maxBackendFrameBytes);
  #running: Running | null = null;
  #last: Promise<unknown> = Promise.resolve();

  constructor(target: PostgresTarget, clock: Clock, { searchPath = 'pg_catalog', writes = false } = {}) {
    this.#target = target;
    this.#clock = clock;
    this.#searchPath = searchPath;
    this.#writes = writes;
  }

  /** Queries wait for each other. @throws UpstreamError */
  query(sql: string): Promise<Rows> {
    return this.#inTurn(frameOf(frontend.query, sql));
  }

  /** One statement, which the server takes no second one behind. @throws UpstreamError */
  queryWith(sql: string, values: readonly QueryValue[]): Promise<Rows> {
    const each = (bytes: (value: QueryValue) => Buffer): Buffer => Buffer.concat(values.map(bytes));
    const count = int16(values.length);
    const parse = frameOf(
      frontend.parse,
      '',
      sql,
      count,
      each(({ typeOid }) => int32(typeOid)),
    );
    const formats = each(({ format }) => int16(format));
    const bind = frameOf(frontend.bind, '', '', count, formats, count, each(boundValue), int16(0));
    const execute = frameOf(frontend.execute, '', int32(0));
    return this.#inTurn(Buffer.concat([parse, bind, execute, frameOf(frontend.sync)]));
  }

  #inTurn(frames: Buffer): Promise<Rows> {
    const turn = this.#last.then(() => this.#run(frames));
    // The next one goes ahead whether this one failed or not; who asked for this one hears of the failure.
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async close(): Promise<void> {
    // One that is being opened is waited for.
    await this.#upstream?.catch(() => undefined);
    this.#lost(new UpstreamError('query-failed', 'the gateway does not need the catalog any more'));
  }

  async #run(frames: Buffer): Promise<Rows> {
    this.#upstream ??= this.#open();
    const { socket } = await this.#upstream;
    return this.#send(socket, frames);
  }

  #send(socket: Socket, frames: Buffer): Promise<Rows> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(catalogDeadlineMs, () =>
        this.#lost(new UpstreamError('query-failed', `no answer within ${catalogDeadlineMs} ms`)),
      );
      this.#running = { rows: [], bytes: 0, error: null, timer, resolve, reject };
      socket.write(frames);
    });
  }

  /** At whichever of the target's hosts a session would be opened now. */
  async #open(): Promise<Upstream> {
    try {
      const upstream = await connectUpstream(this.#target, startupParameters(this.#searchPath), this.#clock);
      this.#listen(upstream);
      if (!this.#writes) await this.#send(upstream.socket, frameOf(frontend.query, readOnly));
      return upstream;
    } catch (error) {
      this.#forget();
      throw error;
    }
  }

  #listen({ socket, rest }: Upstream): void {
    this.#socket = socket;
    this.#reader = new FrameReader(maxBackendFrameBytes);
    // One that was given up still says that it has closed, when the next one may be there already.
    const ifCurrent = (act: () => void): void => {
      if (this.#socket === socket) act();
    };
    const lost = (why: string): void =>
      ifCurrent(() => this.#lost(new UpstreamError('unreachable', `the catalog's connection: ${why}`)));
    socket.on('data', (chunk: Buffer) => ifCurrent(() => this.#receive(chunk)));
    socket.on('error', (cause) => lost(cause.message));
    socket.on('close', () => lost('it was closed'));
    if (rest.length > 0) this.#receive(rest);
    socket.resume();
  }

  #receive(chunk: Buffer): void {
    this.#reader.push(chunk);
    try {
      for (let frame = this.#reader.next(); frame !== null; frame = this.#reader.next()) this.#handle(frame);
    } catch (cause) {
      this.#lost(new UpstreamError('protocol-violation', messageOf(cause), { cause }));
    }
  }

  #handle(frame: Buffer): void {
    const running = this.#running;
    if (running === null) return;
    switch (frame[0]) {
      case backend.dataRow:
        running.bytes += frame.length;
        if (running.bytes > maxCatalogBytes) {
          throw new UpstreamError(
            'query-failed',
            `the catalog is over the limit of ${maxCatalogBytes} bytes`,
          );
        }
        running.rows.push(textRow(frame));
        return;
      case backend.errorResponse: {
        const fields = readMessageFields(frame);
        running.error = new UpstreamError('query-failed', `${fields.get('C')}: ${fields.get('M')}`);
        return;
      }
      case backend.readyForQuery:
        this.#running = null;
        running.timer.cancel();
        if (running.error === null) running.resolve(running.rows);
        else running.reject(running.error);
        return;
      default:
        // RowDescription, CommandComplete, notices: nothing that a query of ours needs.
        return;
    }
  }

  #lost(error: UpstreamError): void {
    this.#forget();
    const running = this.#running;
    this.#running = null;
    running?.timer.cancel();
    running?.reject(error);
  }

  /** The next query opens another one. */
  #forget(): void {
    this.#upstream = null;
    this.#socket?.destroy();
    this.#socket = null;
  }
}

/** -1 is NULL's length. */
const boundValue = ({ value }: QueryValue): Buffer =>
  value === null ? int32(-1) : Buffer.concat([int32(value.length), value]);

function textRow(frame: Buffer): readonly (string | null)[] {
  const body = new BodyReader(frame);
  const count = body.uint16();
  const values: (string | null)[] = [];
  for (let at = 0; at < count; at++) values.push(body.nullableBytes()?.toString('utf8') ?? null);
  return values;
}

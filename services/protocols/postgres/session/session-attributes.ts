import type { Socket } from 'node:net';
import type { ByteSource } from '../../byte-source.ts';
import type { SessionAttributes } from '../target.ts';
import { backend, frameOf } from '../wire/backend.ts';
import { BodyReader } from '../wire/body.ts';
import { frontend } from '../wire/frontend.ts';
import { UpstreamError } from './errors.ts';
import type { LoggedIn } from './upstream-login.ts';
import { refused, takeFrame } from './upstream-login.ts';

/** What one server is asked for; `prefer-standby` is two questions: a standby, and then anything. */
export type WantedAttributes = Exclude<SessionAttributes, 'prefer-standby'>;

/**
 * Whether the session is one that the target wants, as libpq decides it (fe-connect.c, CONNECTION_CHECK_TARGET): by what the server
 * reported at the login (PostgreSQL 14 and newer), else by asking it.
 * @throws UpstreamError `wrong-session-attributes` when it is another
 */
export async function requireAttributes(
  wanted: WantedAttributes,
  { parameters }: LoggedIn,
  socket: Socket,
  bytes: ByteSource,
): Promise<void> {
  const ask = async (sql: string): Promise<string> => {
    socket.write(frameOf(frontend.query, sql));
    return onlyValue(bytes);
  };
  const standby = parameters.get('in_hot_standby');
  const readOnlyByDefault = parameters.get('default_transaction_read_only');
  switch (wanted) {
    case 'any':
      return;
    case 'primary':
    case 'standby': {
      const isStandby =
        standby === undefined
          ? (await ask('SELECT pg_catalog.pg_is_in_recovery()')) === 't'
          : standby === 'on';
      if (isStandby !== (wanted === 'standby')) {
        throw wrong(isStandby ? 'the server is a standby' : 'the server is not a standby');
      }
      return;
    }
    case 'read-write':
    case 'read-only': {
      const isReadOnly =
        standby === undefined || readOnlyByDefault === undefined
          ? (await ask('SHOW transaction_read_only')) === 'on'
          : standby === 'on' || readOnlyByDefault === 'on';
      if (isReadOnly !== (wanted === 'read-only')) {
        throw wrong(isReadOnly ? 'sessions there are read-only' : 'sessions there are not read-only');
      }
      return;
    }
  }
}

const wrong = (what: string): UpstreamError => new UpstreamError('wrong-session-attributes', what);

/** The answer to a query that gives one value. */
async function onlyValue(bytes: ByteSource): Promise<string> {
  let value = '';
  let error: UpstreamError | null = null;
  for (;;) {
    const frame = await takeFrame(bytes);
    switch (frame[0]) {
      case backend.dataRow: {
        const body = new BodyReader(frame);
        body.uint16();
        value = body.nullableBytes()?.toString('utf8') ?? '';
        break;
      }
      case backend.errorResponse:
        error = refused(frame);
        break;
      case backend.readyForQuery:
        if (error !== null) throw error;
        return value;
      default:
        // RowDescription, CommandComplete, notices: they say nothing that matters here.
        break;
    }
  }
}

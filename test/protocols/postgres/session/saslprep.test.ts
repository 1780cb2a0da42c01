/** How passwords are prepared, against the server: it prepares what CREATE ROLE is given, and must take what we prepare. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { systemClock } from '../../../../services/core/model/clock.ts';
import { Secret } from '../../../../services/core/model/secret.ts';
import { saslprep } from '../../../../services/protocols/postgres/session/saslprep.ts';
import { connectUpstream } from '../../../../services/protocols/postgres/session/upstream.ts';
import { type PostgresServer, startPostgres } from '../../../servers/postgres.ts';
import { testTarget } from './target.ts';

let server: PostgresServer;

beforeAll(async () => {
  server = await startPostgres({
    hba: ['host all postgres 127.0.0.1/32 trust', 'host all all 127.0.0.1/32 scram-sha-256'],
  });
}, 60_000);

afterAll(() => server.stop());

/** Name, password, and how it is prepared. */
const passwords: readonly (readonly [string, string, string])[] = [
  ['ASCII, with a control character', 'a\x01b', 'a\x01b'],
  ['a no-break space is a space', 'a\u00a0b', 'a b'],
  ['a zero-width space is a space too', 'a\u200bb', 'a b'],
  ['a soft hyphen is nothing', 'a\u00adb', 'ab'],
  ['a variation selector is nothing', '\u2665\ufe0f', '\u2665'],
  ['a ligature is its letters', '\ufb01x', 'fix'],
  ['a letter and its accent are one', 'a\u0308', '\u00e4'],
  ['a full-width letter is the usual one', '\uff21', 'A'],
  ['nothing but what is nothing is as it is', '\u00ad\u00ad', '\u00ad\u00ad'],
  ['with a control character it is as it is', '\ufb01\x01', '\ufb01\x01'],
  ['a character of private use', '\ufb01\ue000', '\ufb01\ue000'],
  ['a character newer than Unicode 3.2', '\ufb01\u{1f600}', '\ufb01\u{1f600}'],
  ['a beyond-16-bit character that is old enough', '\u{1d400}', 'A'],
  ['right-to-left letters', '\u05d0\u00ad\u05d1', '\u05d0\u05d1'],
  ['right-to-left letters among others', '\u05d0\ufb01\u05d1', '\u05d0\ufb01\u05d1'],
  ['right-to-left letters with a digit at the end', '\u05d0\u00ad1', '\u05d0\u00ad1'],
  ['right-to-left letters with a digit inside', '\u05d0\u00ad1\u05d1', '\u05d01\u05d1'],
  ['what only the normalisation makes a space', 'a\u2002\u00b4', 'a  \u0301'],
];

test.each(passwords)('%s', async (_, password, prepared) => {
  expect(saslprep(password)).toBe(prepared);
  const admin = await server.connect();
  await admin.query('DROP ROLE IF EXISTS prepared');
  await admin.query(`CREATE ROLE prepared LOGIN PASSWORD ${admin.escapeLiteral(password)}`);
  await admin.end();
  const { socket } = await connectUpstream(
    testTarget({ port: server.port, user: 'prepared', password: new Secret(password) }),
    new Map(),
    systemClock,
  );
  socket.destroy();
});

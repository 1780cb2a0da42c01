/** Masks are not written where values are, by any way in which values come. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { fieldsOf, RawClient, say } from '../attacks/raw-client.ts';
import { errorOf } from './clients.ts';
import { TestGateway } from './gateway.ts';

let gateway: TestGateway;
let client: pg.Client;

const policy = `\
policies:
  - name: agents
    targets: [shop]
    principals: [{kinds: [agent]}]
    rules:
      - {name: work, effects: [select, insert, update, delete, merge], tables: [app.*], outcome: allow}
    masks:
      - {fields: [app.contacts.email], with: full, inConditions: allow}
`;

beforeAll(async () => {
  gateway = await TestGateway.start({ policy });
  client = await gateway.connect();
}, 60_000);

afterAll(async () => {
  await client.end();
  await gateway[Symbol.asyncDispose]();
});

const refusal = { message: expect.stringContaining('it would write a mask into a masked column') };
const emails = async (): Promise<readonly string[]> => {
  const direct = await gateway.postgres.connect('shop');
  const { rows } = await direct.query('SELECT email FROM app.contacts ORDER BY id');
  await direct.end();
  return rows.map((row: { email: string }) => row.email);
};

describe('a mask is not written back', () => {
  test('as it was read', async () => {
    const before = await emails();
    const { rows } = await client.query('SELECT id, email FROM app.contacts ORDER BY id');
    const [{ id, email }] = rows;
    expect(email).toBe('********');
    for (const [text, values] of [
      [`UPDATE app.contacts SET email = '${email}' WHERE id = ${id}`, undefined],
      ['UPDATE app.contacts SET email = $1 WHERE id = $2', [email, id]],
      [`INSERT INTO app.contacts (id, email) VALUES (900, '${email}')`, undefined],
      [
        'INSERT INTO app.contacts (id, email) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET email = excluded.email',
        [id, email],
      ],
      [
        `MERGE INTO app.contacts c USING (SELECT ${id} AS id) s ON c.id = s.id WHEN MATCHED THEN UPDATE SET email = '[masked]'`,
        undefined,
      ],
      [
        `WITH changed AS (UPDATE app.contacts SET email = 'a***@***.example' RETURNING id) SELECT * FROM changed`,
        undefined,
      ],
    ] as const) {
      expect(await errorOf(client.query(text, values === undefined ? undefined : [...values]))).toMatchObject(
        refusal,
      );
    }
    await client.query('PREPARE put(text) AS UPDATE app.contacts SET email = $1');
    expect(await errorOf(client.query("EXECUTE put('********')"))).toMatchObject(refusal);
    expect(await emails()).toEqual(before);
  });

  test('but values are, and masks beside them where no masked column is', async () => {
    await client.query("INSERT INTO app.contacts (id, email) VALUES (901, 'jane@corp.example')");
    await client.query("UPDATE app.orders SET item = '********' WHERE id = 1");
    expect(await emails()).toContain('jane@corp.example');
  });
});

describe('COPY FROM STDIN', () => {
  async function copy(
    ...data: readonly string[]
  ): Promise<{ readonly error: string; readonly goesOn: boolean }> {
    const raw = await RawClient.connect(gateway.port);
    raw.send(say.startup({ user: 'agent-7', database: 'shop' }));
    await raw.until(() => raw.has('R'));
    raw.send(say.password(gateway.issuer.mint()));
    await raw.until(() => raw.has('Z'));
    raw.messages.length = 0;
    raw.send(say.query('COPY app.contacts (id, email) FROM STDIN'));
    await raw.until(() => raw.has('G'));
    await raw.exchange([...data.map((part) => say.copyData(part)), say.copyDone()]);
    const error = raw.messages
      .filter(({ type }) => type === 'E')
      .map((message) => fieldsOf(message)['M'] ?? '');
    raw.messages.length = 0;
    await raw.exchange(say.query('SELECT 1'));
    const goesOn = raw.has('D');
    raw.end();
    return { error: error.join(), goesOn };
  }

  test('ends with a refusal where it brings a mask, and keeps nothing of it; the session goes on', async () => {
    const before = await emails();
    for (const data of [
      ['910\tx@corp.example\n911\t********\n', '912\ty@corp.example\n'],
      ['910\t[mas', 'ked]\n'],
      ['910\t****1111'],
    ]) {
      expect(await copy(...data)).toEqual({
        error: expect.stringContaining('it would write a mask'),
        goesOn: true,
      });
    }
    expect(await emails()).toEqual(before);
  });

  test('brings values', async () => {
    expect(await copy('920\tkim@corp', '.example\n')).toEqual({ error: '', goesOn: true });
    expect(await emails()).toContain('kim@corp.example');
  });
});

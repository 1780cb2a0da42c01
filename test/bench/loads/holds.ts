import { heldBy } from '../../e2e/clients.ts';
import { Approver } from '../approver.ts';
import type { Load } from '../load.ts';
import { progress } from '../progress.ts';

/** Votes under way at a time: the API works on 64 requests. */
const votingAtOnce = 16;

export const holds: Load = {
  name: 'holds',
  title: 'held statements at once',
  async run({ gateway }, { quick }) {
    const statements = quick ? 100 : 500;
    progress(`  ${statements} sessions, each with a statement that waits`);
    // Each an agent of its own: nobody may ask for more than a few things at a time.
    const clients = await Promise.all(
      Array.from({ length: statements }, (_, number) =>
        gateway.connect({ claims: { sub: `agent-${number}` } }),
      ),
    );
    const beganMs = performance.now();
    const held = Promise.all(clients.map(heldBy));
    const done = Promise.all(
      clients.map((client, number) => client.query(`INSERT INTO app.guarded VALUES ('bench-${number}')`)),
    );
    const ids = await Promise.race([held, done.then(() => Promise.reject(new Error('nothing was held')))]);
    const heldMs = performance.now();
    const direct = await gateway.direct();
    const stored = async (): Promise<readonly { token: string; times: number }[]> =>
      (
        await direct.query(
          "SELECT token, count(*)::int AS times FROM app.guarded WHERE token LIKE 'bench-%' GROUP BY token",
        )
      ).rows;
    if ((await stored()).length > 0) throw new Error('a statement ran before it was approved');
    progress('  approving them');
    const approver = await Approver.logIn(gateway, 'pat');
    if ((await approver.openHolds()).length !== statements) throw new Error('not all holds are listed');
    const left = [...ids];
    const voteOn = async (): Promise<void> => {
      for (let id = left.pop(); id !== undefined; id = left.pop())
        await approver.vote(id, 'approve', 'bench');
    };
    const approvingMs = performance.now();
    await Promise.all(Array.from({ length: votingAtOnce }, voteOn));
    const results = await done;
    const endedMs = performance.now();
    const rows = await stored();
    if (results.some(({ rowCount }) => rowCount !== 1))
      throw new Error('an approved statement did not say that it ran');
    if (rows.length !== statements || rows.some(({ times }) => times !== 1)) {
      throw new Error(
        `of ${statements} approved statements, ${rows.length} are in the database, some perhaps twice`,
      );
    }
    await direct.query("DELETE FROM app.guarded WHERE token LIKE 'bench-%'");
    await Promise.all([direct, ...clients].map((client) => client.end()));
    return {
      ways: null,
      figures: [
        { name: 'approved, and run exactly once', value: rows.length, unit: `of ${statements}`, goal: null },
        { name: 'until all were held', value: (heldMs - beganMs) / 1000, unit: 's', goal: null },
        { name: 'to approve and run all', value: (endedMs - approvingMs) / 1000, unit: 's', goal: null },
      ],
    };
  },
};

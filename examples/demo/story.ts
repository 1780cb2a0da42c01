import { type AgentSession, type Answer, show } from './agent-session.ts';
import { assertSeen } from './errors.ts';
import { heading, say, why } from './screen.ts';

export interface Held {
  readonly hold: string;
  /** What the agent gets in the end. */
  readonly answer: Promise<Answer>;
}

/** What shop.sql has, and the agent must never see. */
const secrets = [
  '@example',
  '@lind',
  '@okoro',
  '4111 1111',
  '5500 0055',
  '4012 8888',
  '6011 1111',
  '81000',
  '67500',
];

const theRow = 'SELECT id, item, total, status FROM orders WHERE id = 2';

/** The agent's session up to the statement that a person has to approve. @throws DemoError when it is not as told */
export async function playUntilHeld(agent: AgentSession): Promise<Held> {
  heading('1. It reads the customers');
  const customers = await agent.type('SELECT id, name, email, card, city FROM customers ORDER BY id');
  assertSeen(customers.kind === 'rows', 'the agent may read the customers');
  const [, ada = []] = customers.rows;
  assertSeen(customers.rows.length === 5 && ada[1] === 'Ada Park', 'names come back as they are');
  assertSeen(ada[2] === 'a***@***.example' && ada[3] === '****1111', 'e-mails and cards come back masked');
  assertNoSecret(customers);
  why('E-mails and card numbers are masked on their way back. The agent got the rows, not the secrets.');

  heading('2. It goes too far');
  const drop = await agent.type('DROP TABLE orders');
  assertRefused(drop, 'support-agent/no-ddl');
  const salaries = await agent.type('SELECT * FROM hr.salaries');
  assertRefused(salaries, 'support-agent/no-salaries');
  why(
    'Refused before a byte of it reached the database, with the reason and with what is allowed instead,',
    'which agents read. The session lives on.',
  );

  heading('3. It wants to refund an order');
  assertSeen((await agent.type(theRow)).kind === 'rows', 'the agent may read orders');
  const held = await agent.typeHeld("UPDATE orders SET status = 'refunded' WHERE id = 2");
  assertSeen(held.hold !== '', 'the UPDATE is held');
  why(
    'Held: the statement waits in the gateway, and the agent with it, until a person has approved',
    'exactly this one. No agent can approve, neither this one nor another.',
  );
  return held;
}

/** What the agent gets once a person has approved. */
export async function playApproved(agent: AgentSession, answer: Answer): Promise<void> {
  say('', 'The agent, which has waited all the time, got:', '');
  show(answer);
  assertSeen(answer.kind === 'done' && answer.tag === 'UPDATE 1', 'the approved UPDATE runs');
  const after = await agent.type(theRow);
  assertSeen(after.kind === 'rows' && after.rows[1]?.[3] === 'refunded', 'the row has changed');
}

function assertRefused(answer: Answer, rule: string): void {
  assertSeen(
    answer.kind === 'refused' &&
      answer.code === '42501' &&
      answer.detail.includes(rule) &&
      answer.hint !== '',
    `the statement is refused by ${rule}, with a hint`,
  );
  assertNoSecret(answer);
}

function assertNoSecret(answer: Answer): void {
  const text = JSON.stringify(answer);
  assertSeen(!secrets.some((secret) => text.includes(secret)), 'nothing secret reaches the agent');
}

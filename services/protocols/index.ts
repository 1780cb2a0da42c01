import { postgres } from './postgres/index.ts';

/** Every protocol that the gateway speaks; a new one is a folder, a line here, and a line below for policies in TypeScript. */
export const protocols = [postgres] as const;

export type { PostgresWords } from './postgres/policy-words.ts';

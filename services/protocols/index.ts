import { postgres } from './postgres/index.ts';

/** Every protocol that the gateway speaks; a new one is a folder and a line here. */
export const protocols = [postgres] as const;

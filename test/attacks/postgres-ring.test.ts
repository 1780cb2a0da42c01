import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { connectAs, install, ringTarget } from '../protocols/postgres/ring/installed.ts';
import { mask } from '../protocols/postgres/mask/fixtures.ts';
import { type PostgresServer, startPostgres } from '../servers/postgres.ts';
import { corpus, corpusSchema, databaseOf } from './postgres-corpus.ts';


import { type Random, times } from './random.ts';

type Kind = 'text' | 'number' | 'boolean' | 'json';

interface Column {
  readonly name: string;
  readonly kind: Kind;
}

/** Something in FROM; without a name its columns can only be named alone. */
interface Item {
  readonly name: string | null;
  readonly columns: readonly Column[];
}

export interface Table {
  readonly name: string;
  readonly columns: readonly Column[];
}

const column = (name: string, kind: Kind = 'text'): Column => ({ name, kind });
const number = (name: string): Column => column(name, 'number');

/** The tables of interference.test.ts; `ssn` is what may not show. */
export const tables: readonly Table[] = [
  { name: 'people', columns: [number('id'), column('name'), column('ssn'), number('n')] },
  { name: 'tags', columns: [number('id'), number('person'), column('tag'), number('amount')] },
  { name: 'coded', columns: [number('id'), column('code'), column('nick')] },
  { name: 'tagged', columns: [column('code'), column('tag'), number('id')] },
  {
    name: 'documents',
    columns: [number('id'), column('name'), column('ssn'), number('n'), column('doc', 'json')],
  },
  { name: 'filled', columns: [number('id'), column('loud')] },
  { name: 'parted', columns: [number('id'), column('ssn'), number('k')] },
  { name: 'parted1', columns: [number('id'), column('ssn'), number('k')] },
  { name: 'notes', columns: [number('id'), column('note')] },
  { name: 'secretnotes', columns: [number('id'), column('note'), column('ssn')] },
];

/** Queries over `tables`: nearly all valid, and none whose result depends on the order in which rows happen to be read. */
export class RandomQueries {
  readonly #random: Random;
  #names = 0;
  #withTables: readonly Table[] = [];
  #windowsAllowed = false;

  constructor(random: Random) {
    this.#random = random;
  }

  statement(): string {
    this.#names = 0;
    this.#withTables = [];
    const random = this.#random;
    const tag: Item = { name: 'tags', columns: tables[1]?.columns ?? [] };
    switch (random.below(12)) {
      case 0: {
        const { sql, items } = this.#from([], [], 2);
        const stars = items.every((item) => item.name !== null) && random.chance(0.5);
        return `SELECT ${stars ? items.map((item) => `${item.name}.*`).join(', ') : '*'} FROM ${sql}`;
      }
      case 1:
        return `UPDATE app.tags SET amount = amount + 1 WHERE ${this.#expression([tag], 'boolean', 2)} RETURNING *, ${this.#expression([tag], 'text', 2)}`;
      case 2:
        return `INSERT INTO app.tags SELECT 100, ${this.#expression([], 'number', 2)}, ${this.#expression([], 'text', 2)}, 1 RETURNING *, ${this.#expression([tag], 'text', 2)}`;
      default: {
        const kinds: readonly Kind[] = ['text', 'text', 'number', 'json', 'boolean'];
        return this.#query(
          [],
          3,
          times(1 + random.below(3), () => column(this.#fresh('z'), random.pick(kinds))),
        );
      }
    }
  }

  #fresh(letter: string): string {
    this.#names += 1;
    return `${letter}${this.#names}`;
  }

  #constant(kind: Kind): string {
    const random = this.#random;
    switch (kind) {
      case 'number':
        return String(random.below(9));
      case 'text':
        return `'l${random.below(5)}'`;
      case 'boolean':
        return random.pick(['true', 'false']);
      case 'json':
        return `'{}'::jsonb`;
    }
  }

  #column(items: readonly Item[], kind: Kind): string | null {
    const random = this.#random;
    const named = items.flatMap((item) =>
      item.columns.filter((one) => one.kind === kind).map(({ name }) => ({ item, name })),
    );
    if (named.length === 0 || random.chance(0.15)) return null;
    const { item, name } = random.pick(named);
    const isUnique = items.filter((other) => other.columns.some((one) => one.name === name)).length === 1;
    return item.name === null || (isUnique && random.chance(0.4)) ? name : `${item.name}.${name}`;
  }

  #expression(items: readonly Item[], kind: Kind, depth: number): string {
    if (depth <= 0 || this.#random.chance(0.4)) return this.#column(items, kind) ?? this.#constant(kind);
    switch (kind) {
      case 'text':
        return this.#text(items, depth - 1);
      case 'number':
        return this.#number(items, depth - 1);
      case 'boolean':
        return this.#boolean(items, depth - 1);
      case 'json':
        return this.#json(items, depth - 1);
    }
  }

  #text(items: readonly Item[], depth: number): string {
    const random = this.#random;
    const text = () => this.#expression(items, 'text', depth);
    const named = items.filter((item) => item.name !== null);
    const field = named.flatMap((item) =>
      item.columns.filter((one) => one.kind === 'text').map((one) => ({ item: item.name, field: one.name })),
    );
    switch (random.below(14)) {
      case 0:
        return `${random.pick(['upper', 'lower', 'reverse', 'initcap', 'btrim', 'md5'])}(${text()})`;
      case 1:
        return `(${text()} || ${this.#expression(items, random.pick(['text', 'number'] as const), depth)})`;
      case 2:
        return `substr(${text()}, ${1 + random.below(3)})`;
      case 3:
        return `${random.pick(['coalesce', 'greatest', 'nullif'])}(${text()}, ${text()})`;
      case 4:
        return `CASE WHEN ${this.#expression(items, 'boolean', depth)} THEN ${text()} ELSE ${text()} END`;
      case 5:
        return `(${this.#expression(items, random.pick(['number', 'json'] as const), depth)})::text`;
      case 6:
        return `(SELECT max(q.x) FROM (${this.#query(items, depth, [column('x')])}) q)`;
      case 7:
        return `replace(${text()}, '-', ${text()})`;
      case 8:
        return `(${this.#expression(items, 'json', depth)} ->> '${random.pick(['ssn', 'name', 'code'])}')`;
      case 9:
        return named.length === 0 ? text() : `${random.pick(named).name}::text`;
      case 10: {
        if (field.length === 0) return text();
        const chosen = random.pick(field);
        return random.pick([`(${chosen.item}).${chosen.field}`, `${chosen.field}(${chosen.item})`]);
      }
      case 11:
        return `(ARRAY[${text()}, ${text()}])[${1 + random.below(2)}]`;
      case 12:
        return `format('%s/%s', ${text()}, ${text()})`;
      default:
        return `encode(${text()}::bytea, 'hex')`;
    }
  }

  #number(items: readonly Item[], depth: number): string {
    const random = this.#random;
    const value = (kind: Kind) => this.#expression(items, kind, depth);
    switch (random.below(6)) {
      case 0:
        return `(${value('number')} ${random.pick(['+', '-', '*'])} ${value('number')})`;
      case 1:
        return `length(${value('text')})`;
      case 2:
        return `CASE ${value('text')} WHEN ${value('text')} THEN 1 ELSE ${value('number')} END`;
      case 3: {
        const count = random.pick(['count(*)', 'count(DISTINCT q.x)', 'count(q.x)']);
        return `(SELECT ${count}::int FROM (${this.#query(items, depth, [column('x')])}) q)`;
      }
      case 4:
        return `position(${value('text')} IN ${value('text')})`;
      default:
        return this.#window(items, depth);
    }
  }

  #window(items: readonly Item[], depth: number): string {
    if (!this.#windowsAllowed) return '7';
    this.#windowsAllowed = false;
    const over = this.#random.pick([
      `count(*) OVER (PARTITION BY ${this.#expression(items, 'text', depth)})::int`,
      `rank() OVER (ORDER BY ${this.#expression(items, 'text', depth)})::int`,
      `(sum(1) OVER (ORDER BY ${this.#expression(items, 'number', depth)}))::int`,
    ]);
    this.#windowsAllowed = true;
    return over;
  }

  #boolean(items: readonly Item[], depth: number): string {
    const random = this.#random;
    const value = (kind: Kind) => this.#expression(items, kind, depth);
    switch (random.below(8)) {
      case 0:
        return `(${value('number')} = ${value('number')})`;
      case 1:
        return `(${value('text')} ${random.pick(['<', 'LIKE', 'IS DISTINCT FROM'])} ${value('text')})`;
      case 2:
        return `(${value('text')} IN (${this.#query(items, depth, [column('x')])}))`;
      case 3:
        return `EXISTS (${this.#query(items, depth, [column('x')])})`;
      case 4:
        return `(${value('boolean')} ${random.pick(['AND', 'OR'])} ${value('boolean')})`;
      case 5:
        return `NOT ${value('boolean')}`;
      case 6:
        return `(${value('text')} IS NULL)`;
      default:
        return `(${value('number')} = ANY(ARRAY[${value('number')}, 2]))`;
    }
  }

  #json(items: readonly Item[], depth: number): string {
    const random = this.#random;
    const named = items.filter((item) => item.name !== null);
    if (named.length > 0 && random.chance(0.4)) return `to_jsonb(${random.pick(named).name})`;
    if (random.chance(0.5)) return `to_jsonb(${this.#expression(items, 'text', depth)})`;
    const [text, count] = [this.#expression(items, 'text', depth), this.#expression(items, 'number', depth)];
    return `jsonb_build_object('name', ${text}, 'ssn', ${count})`;
  }

  #from(
    outer: readonly Item[],
    left: readonly Item[],
    depth: number,
  ): { sql: string; items: readonly Item[] } {
    const random = this.#random;
    const choice = depth <= 0 ? 0 : random.below(20);
    if (choice < 9) return this.#fromTable();
    if (choice < 12) {
      const name = this.#fresh('s');
      const kinds: readonly Kind[] = ['text', 'text', 'number', 'json'];
      const columns = times(1 + random.below(3), () => column(this.#fresh('k'), random.pick(kinds)));
      const lateral = random.chance(0.35);
      const query = this.#query(lateral ? [...left, ...outer] : outer, depth - 1, columns);
      return { sql: `${lateral ? 'LATERAL ' : ''}(${query}) ${name}`, items: [{ name, columns }] };
    }
    if (choice < 17) return this.#join(outer, left, depth);
    if (choice === 17) {
      const name = this.#fresh('v');
      const columns = [column(this.#fresh('c')), number(this.#fresh('c'))];
      const scope = random.chance(0.5) ? [...left, ...outer] : [];
      const row = () => `(${this.#expression(scope, 'text', 1)}, ${this.#expression(scope, 'number', 1)})`;
      const names = columns.map((one) => one.name).join(', ');
      const lateral = scope.length > 0 ? 'LATERAL ' : '';
      return {
        sql: `${lateral}(VALUES ${row()}, ${row()}) AS ${name}(${names})`,
        items: [{ name, columns }],
      };
    }
    const name = this.#fresh('f');
    if (choice === 18) {
      return { sql: `app.everybody() AS ${name}`, items: [{ name, columns: tables[0]?.columns ?? [] }] };
    }
    const values = `ARRAY[${this.#expression([...left, ...outer], 'text', 1)}]`;
    return {
      sql: `unnest(${values}) WITH ORDINALITY AS ${name}(u, o)`,
      items: [{ name, columns: [column('u'), number('o')] }],
    };
  }

  #fromTable(): { sql: string; items: readonly Item[] } {
    const random = this.#random;
    const isWith = this.#withTables.length > 0 && random.chance(0.3);
    const table = random.pick(isWith ? this.#withTables : tables);
    const name = this.#fresh('a');
    const only = !isWith && random.chance(0.1) ? 'ONLY ' : '';
    const qualified = `${isWith || random.chance(0.5) ? '' : 'app.'}${table.name}`;
    if (random.chance(0.75))
      return { sql: `${only}${qualified} ${name}`, items: [{ name, columns: table.columns }] };
    const renamed = table.columns
      .slice(0, 1 + random.below(table.columns.length))
      .map(() => this.#fresh('c'));
    const columns = table.columns.map((one, at) => ({ ...one, name: renamed[at] ?? one.name }));
    return { sql: `${only}${qualified} AS ${name}(${renamed.join(', ')})`, items: [{ name, columns }] };
  }

  #join(
    outer: readonly Item[],
    before: readonly Item[],
    depth: number,
  ): { sql: string; items: readonly Item[] } {
    const random = this.#random;
    const left = this.#from(outer, before, depth - 1);
    const right = this.#from(outer, [...before, ...left.items], depth - 1);
    const kind = random.pick(['JOIN', 'LEFT JOIN', 'FULL JOIN', 'RIGHT JOIN']);
    const leftColumns = left.items.flatMap((item) => item.columns);
    const rightColumns = right.items.flatMap((item) => item.columns);
    const once = (columns: readonly Column[], one: Column): boolean =>
      columns.filter((other) => other.name === one.name).length === 1;
    const shared = leftColumns.filter(
      (one) =>
        one.kind !== 'json' &&
        once(leftColumns, one) &&
        once(rightColumns, one) &&
        rightColumns.some((other) => other.name === one.name && other.kind === one.kind),
    );
    const using = shared.filter(() => random.chance(0.6));
    if (using.length > 0 && random.chance(0.5)) {
      const names = using.map((one) => one.name);
      const rest = [...leftColumns, ...rightColumns].filter((one) => !names.includes(one.name));
      const sql = `(${left.sql} ${kind} ${right.sql} USING (${names.join(', ')}))`;
      const name = random.chance(0.3) ? this.#fresh('j') : null;
      return {
        sql: name === null ? sql : `${sql} AS ${name}`,
        items: [{ name, columns: [...using, ...rest] }],
      };
    }
    // FULL JOIN wants conditions that can be merged.
    const on =
      kind === 'FULL JOIN' ? 'true' : this.#expression([...left.items, ...right.items], 'boolean', 1);
    const sql = `${left.sql} ${kind} ${right.sql} ON ${on}`;
    if (random.chance(0.75)) return { sql: `(${sql})`, items: [...left.items, ...right.items] };
    const name = this.#fresh('j');
    const columns = [...leftColumns, ...rightColumns].map((one) => ({ ...one, name: this.#fresh('c') }));
    const names = columns.map((one) => one.name).join(', ');
    return { sql: `(${sql}) AS ${name}(${names})`, items: [{ name, columns }] };
  }

  #query(outer: readonly Item[], depth: number, columns: readonly Column[]): string {
    const random = this.#random;
    const [tablesBefore, windowsBefore] = [this.#withTables, this.#windowsAllowed];
    if (depth > 0 && random.chance(0.12)) {
      const operator = random.pick(['UNION ALL', 'UNION ALL', 'UNION', 'INTERSECT', 'EXCEPT']);
      return `(${this.#query(outer, depth - 1, columns)}) ${operator} (${this.#query(outer, depth - 1, columns)})`;
    }
    this.#windowsAllowed = false;
    const clause = depth > 0 && random.chance(0.15) ? this.#with(depth - 1) : '';
    const from: string[] = [];
    const items: Item[] = [];
    for (let count = 1 + random.below(2); count > 0; count--) {
      const one = this.#from(outer, items, depth - 1);
      from.push(one.sql);
      items.push(...one.items);
    }
    const inner = random.chance(0.3) ? [...items, ...outer] : items;
    const where = random.chance(0.35) ? ` WHERE ${this.#expression(inner, 'boolean', depth - 1)}` : '';
    const rest = random.chance(0.2)
      ? this.#aggregates(columns, inner, items, depth)
      : this.#plain(columns, inner, items, depth);
    this.#withTables = tablesBefore;
    this.#windowsAllowed = windowsBefore;
    return `${clause}SELECT ${rest.targets} FROM ${from.join(', ')}${where}${rest.tail}`;
  }

  #with(depth: number): string {
    const random = this.#random;
    const name = this.#fresh('w');
    const columns = [column(this.#fresh('k')), number(this.#fresh('k'))];
    const [text, count] = columns.map((one) => one.name);
    if (random.chance(0.4)) {
      const start = this.#query([], depth, columns);
      this.#withTables = [...this.#withTables, { name, columns: [...columns, number('depth')] }];
      const step = `SELECT ${name}.${text}${random.pick(['', " || 'r'"])}, ${name}.${count}, depth + 1 FROM ${name} WHERE depth < 2`;
      return `WITH RECURSIVE ${name}(${text}, ${count}, depth) AS ((SELECT q.*, 1 FROM (${start}) q) UNION ALL ${step}) `;
    }
    const sql = `WITH ${name}${random.chance(0.4) ? `(${text}, ${count})` : ''} AS (${this.#query([], depth, columns)}) `;
    this.#withTables = [...this.#withTables, { name, columns }];
    return sql;
  }

  #aggregates(
    columns: readonly Column[],
    inner: readonly Item[],
    items: readonly Item[],
    depth: number,
  ): { targets: string; tail: string } {
    const random = this.#random;
    const value = (kind: Kind, levels = depth - 1) => this.#expression(inner, kind, levels);
    const aggregate = (kind: Kind): string => {
      switch (kind) {
        case 'text':
          return `${random.pick(['max', 'min'])}(${value('text')})`;
        case 'number':
          return random.pick([
            'count(*)::int',
            `max(${value('number')})`,
            `count(DISTINCT ${value('text', 1)})::int`,
            `count(*) FILTER (WHERE ${value('boolean', 1)})::int`,
          ]);
        case 'boolean':
          return `bool_or(${value('boolean')})`;
        case 'json': {
          const item = value('text', 1);
          return `to_jsonb(array_agg(${item} ORDER BY ${item}))`;
        }
      }
    };
    const targets = columns.map((one) => `${aggregate(one.kind)} AS ${one.name}`).join(', ');
    const group = random.chance(0.5) ? ` GROUP BY ${this.#expression(items, 'number', 1)}` : '';
    return { targets, tail: `${group}${random.chance(0.2) ? ' HAVING count(*) > 1' : ''}` };
  }

  #plain(
    columns: readonly Column[],
    inner: readonly Item[],
    items: readonly Item[],
    depth: number,
  ): { targets: string; tail: string } {
    const random = this.#random;
    const targets = columns
      .map((one) => {
        this.#windowsAllowed = true;
        return `${this.#expression(inner, one.kind, depth)} AS ${one.name}`;
      })
      .join(', ');
    this.#windowsAllowed = false;
    const sortable = !columns.some((one) => one.kind === 'json');
    if (sortable && random.chance(0.08)) return { targets: `DISTINCT ${targets}`, tail: '' };
    if (sortable && random.chance(0.06)) {
      // Ordered by all of it, so that what is left is the same each time.
      return {
        targets,
        tail: ` ORDER BY ${columns.map((_, at) => at + 1).join(', ')} LIMIT ${random.below(9)}`,
      };
    }
    const order = random.chance(0.1) ? ` ORDER BY ${this.#expression(items, 'number', 1)}` : '';
    return { targets, tail: order };
  }
}

import { type Random, times } from '../random.ts';
import { aggregates, constants, expressions, isKind, type Kind, windows } from './grammar.ts';

interface Column {
  readonly name: string;
  readonly kind: Kind;
}

/** Something in FROM. */
interface Item {
  /** Null within a join that has merged its columns: they can only be named alone. */
  readonly name: string | null;
  readonly columns: readonly Column[];
  /** The rows are of type app.person. */
  readonly isPerson?: boolean;
}

const columns = (text: string): readonly Column[] =>
  text.split(' ').map((one) => {
    const [name = '', kind = ''] = one.split(':');
    if (!isKind(kind)) throw new Error(`no kind of values: ${one}`);
    return { name, kind };
  });

const person = columns(
  'id:int name:text ssn:text pay:int doc:json tags:texts home:home span:range born:date',
);

const relations: readonly Item[] = [
  { name: 'person', columns: person, isPerson: true },
  { name: 'person', columns: person, isPerson: true },
  { name: 'visit', columns: columns('id:int person:int place:text cost:int day:date') },
  { name: 'event', columns: columns('id:int region:text ssn:text n:int') },
  { name: 'event_a', columns: columns('id:int region:text ssn:text n:int') },
  { name: 'event_b1', columns: columns('id:int region:text ssn:text n:int') },
  { name: 'made', columns: columns('id:int raw:text low:text') },
  { name: 'base', columns: columns('id:int note:text') },
  { name: 'kid', columns: columns('id:int note:text ssn:text') },
  { name: 'v_code', columns: columns('id:int code:text twice:int nick:text') },
  { name: 'v_place', columns: columns('code:text twice:int place:text id:int') },
  { name: 'v_union', columns: columns('id:int mixed:text') },
  { name: 'v_group', columns: columns('place:text n:int top:text') },
  { name: 'v_whole', columns: columns('id:int whole:person j:json') },
  { name: 'v_using', columns: [...person, ...columns('place:text')] },
  { name: 'v_recursive', columns: columns('id:int code:text depth:int') },
  { name: 'm_loud', columns: columns('id:int loud:text pay:int') },
];

const visit = relations.filter(({ name }) => name === 'visit').map((item) => ({ ...item, name: 'visit' }));

const outputKinds: readonly Kind[] = [
  'text',
  'text',
  'text',
  'int',
  'int',
  'bool',
  'json',
  'texts',
  'person',
  'home',
  'range',
  'date',
];
/** Kinds that every operator that sorts or compares takes. */
const plainKinds: readonly Kind[] = ['text', 'text', 'int', 'date'];

interface Scope {
  /** Of this query's FROM, then of the queries around it. */
  readonly items: readonly Item[];
  /** A window named w is there. */
  readonly windows: boolean;
  readonly aggregates: boolean;
}

const nowhere: Scope = { items: [], windows: false, aggregates: false };
const within = (items: readonly Item[]): Scope => ({ ...nowhere, items });

/** Random statements over the database of schema.ts: nearly all valid, and none whose result depends on the order in which rows happen to be read. */
export class GeneratedQueries {
  readonly #random: Random;
  #names = 0;
  #commonTables: readonly Item[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  statement(): string {
    this.#names = 0;
    this.#commonTables = [];
    const random = this.#random;
    const depth = 1 + random.below(3);
    switch (random.below(16)) {
      case 0:
        return `INSERT INTO app.visit SELECT 100, ${this.#value('int', nowhere, depth)} * 0 + 1, ${this.#value('text', nowhere, depth)}, 1, NULL ON CONFLICT (id) DO NOTHING RETURNING *, ${this.#value('text', within(visit), depth)}`;
      case 1: {
        const other = this.#from([], [], 1);
        return `UPDATE app.visit SET cost = cost + 1 FROM ${other.sql} WHERE ${this.#value('bool', within([...visit, ...other.items]), 1)} RETURNING visit.id, ${this.#value('text', within(visit), depth)}`;
      }
      case 2:
        return `DELETE FROM app.visit WHERE ${this.#value('bool', within(visit), depth)} RETURNING visit, ${this.#value('text', within(visit), depth)}`;
      case 3: {
        const { sql, items } = this.#from([], [], depth);
        const named = items.filter((item) => item.name !== null);
        const stars = named.map((item) =>
          random.pick([`${item.name}.*`, `${item.name}`, `(${item.name}).*`]),
        );
        return `SELECT ${random.chance(0.4) || stars.length === 0 ? '*' : stars.join(', ')} FROM ${sql}`;
      }
      case 4:
        return `TABLE app.${random.pick(relations).name}`;
      default:
        return this.#query([], depth, this.#newColumns(outputKinds));
    }
  }

  #fresh(letter: string): string {
    this.#names += 1;
    return `${letter}${this.#names}`;
  }

  #newColumns(from: readonly Kind[]): readonly Column[] {
    const random = this.#random;
    return times(1 + random.below(3), () => ({ name: this.#fresh('z'), kind: random.pick(from) }));
  }

  #column(items: readonly Item[], kind: Kind): string | null {
    const random = this.#random;
    const found = items.flatMap((item) =>
      item.columns.filter((column) => column.kind === kind).map(({ name }) => ({ item, name })),
    );
    const whole =
      kind === 'person' ? items.filter(({ isPerson, name }) => isPerson === true && name !== null) : [];
    if (whole.length > 0 && random.chance(0.7)) return random.pick(whole).name;
    if (found.length === 0 || random.chance(0.1)) return null;
    const { item, name } = random.pick(found);
    const isUnique =
      items.filter((other) => other.columns.some((column) => column.name === name)).length === 1;
    const isAlone = item.name === null || (isUnique && random.chance(0.5));
    return isAlone ? name : `${item.name}.${name}`;
  }

  #value(kind: Kind, scope: Scope, depth: number): string {
    const random = this.#random;
    const grouped = scope.aggregates ? aggregates[kind] : undefined;
    if (grouped !== undefined)
      return this.#filled(random.pick(grouped), within(scope.items), Math.min(depth, 1));
    const windowed = scope.windows && random.chance(0.25) ? windows[kind] : undefined;
    if (windowed !== undefined)
      return this.#filled(random.pick(windowed), within(scope.items), Math.min(depth, 1));
    if (depth <= 0 || random.chance(0.35))
      return this.#column(scope.items, kind) ?? random.pick(constants[kind]);
    return this.#filled(random.pick(expressions[kind]), scope, depth - 1);
  }

  #filled(template: string, scope: Scope, depth: number): string {
    return template.replaceAll(
      /\{(query:)?([a-z]+)\}/g,
      (written: string, query: string | undefined, word: string) => {
        if (!isKind(word)) return written;
        return query === undefined
          ? this.#value(word, { ...scope, aggregates: false }, depth)
          : this.#query(scope.items, depth - 1, [{ name: this.#fresh('x'), kind: word }]);
      },
    );
  }

  /** One item, or a join of several. */
  #from(
    outer: readonly Item[],
    left: readonly Item[],
    depth: number,
  ): { sql: string; items: readonly Item[] } {
    const random = this.#random;
    const around = [...left, ...outer];
    if (depth <= 0 || random.chance(0.4)) return this.#relation();
    const name = this.#fresh('f');
    switch (random.below(14)) {
      case 0:
      case 1: {
        const made = this.#newColumns(outputKinds);
        const isLateral = random.chance(0.4);
        const query = this.#query(isLateral ? around : outer, depth - 1, made);
        return { sql: `${isLateral ? 'LATERAL ' : ''}(${query}) ${name}`, items: [{ name, columns: made }] };
      }
      case 2: {
        const made = this.#newColumns(plainKinds);
        const row = () => `(${made.map(({ kind }) => this.#value(kind, within(around), 1)).join(', ')})`;
        return {
          sql: `LATERAL (VALUES ${row()}, ${row()}) AS ${name}(${made.map((one) => one.name).join(', ')})`,
          items: [{ name, columns: made }],
        };
      }
      case 3: {
        const row = this.#value('person', within(around), 1);
        const made = person.map((column) => ({ ...column, name: this.#fresh('c') }));
        const written = /^\w+$/.test(row) ? random.pick([`${row}.*`, `(${row}).*`]) : `(${row}).*`;
        return {
          sql: `LATERAL (${random.pick(['VALUES (#)', 'SELECT (ROW(#, 1)).*']).replace('#', written)}) AS ${name}(${made.map((one) => one.name).join(', ')})`,
          items: [{ name, columns: made }],
        };
      }
      case 4: {
        if (random.chance(0.4)) {
          const made = columns('no:int code:text amount:int called:text');
          return {
            sql: `app.listed(${this.#value('int', within(around), 1)}) AS ${name}`,
            items: [{ name, columns: made }],
          };
        }
        return {
          sql:
            random.pick([
              'app.all_people() AS ',
              `app.person_of(${this.#value('int', within(around), 1)}) AS `,
            ]) + name,
          items: [{ name, columns: person, isPerson: true }],
        };
      }
      case 5: {
        const value = (kind: Kind) => this.#value(kind, within(around), 1);
        return {
          sql: `ROWS FROM (unnest(${value('texts')}), generate_series(1, ${value('int')} % 4)) WITH ORDINALITY AS ${name}(u, g, o)`,
          items: [{ name, columns: columns('u:text g:int') }],
        };
      }
      case 6: {
        const array = () => this.#value('texts', within(around), 1);
        return {
          sql: `unnest(${array()}, ${array()}) AS ${name}(u, v)`,
          items: [{ name, columns: columns('u:text v:text') }],
        };
      }
      case 7: {
        const call = random.pick([
          'jsonb_each({json}) AS # (u, j)',
          'jsonb_each_text({json}) AS # (u, v)',
          'jsonb_to_record({json}) AS # (ssn text, list text)',
          "jsonb_path_query({json}, '$.list[*]') AS # (j)",
          'jsonb_populate_recordset(NULL::app.person, jsonb_build_array({json})) AS #',
          "regexp_split_to_table({text}, '-') AS # (u)",
          "XMLTABLE('/r' PASSING xmlelement(NAME r, xmlelement(NAME a, {text})) COLUMNS u text PATH 'a', v text DEFAULT {text}) AS #",
        ]);
        const given: Readonly<Record<string, readonly Column[]>> = {
          jsonb_each: columns('u:text j:json'),
          jsonb_each_text: columns('u:text v:text'),
          jsonb_to_record: columns('ssn:text list:text'),
          jsonb_path_query: columns('j:json'),
          jsonb_populate_recordset: person,
          regexp_split_to_table: columns('u:text'),
          XMLTABLE: columns('u:text v:text'),
        };
        const function_ = /^\w+/.exec(call)?.[0] ?? '';
        return {
          sql: `${call.startsWith('XML') ? 'LATERAL ' : ''}${this.#filled(call, within(around), 1).replace('#', name)}`,
          items: [
            { name, columns: given[function_] ?? [], isPerson: function_ === 'jsonb_populate_recordset' },
          ],
        };
      }
      default:
        return this.#join(outer, left, depth);
    }
  }

  #relation(): { sql: string; items: readonly Item[] } {
    const random = this.#random;
    const isCommon = this.#commonTables.length > 0 && random.chance(0.5);
    const relation = random.pick(isCommon ? this.#commonTables : relations);
    const name = this.#fresh('t');
    const text = isCommon ? `${relation.name}` : `${random.pick(['', 'app.'])}${relation.name}`;
    if (random.chance(0.12)) {
      const renamed = relation.columns.map((column) => ({ ...column, name: this.#fresh('c') }));
      const names = renamed.map((column) => column.name).join(', ');
      return { sql: `${text} AS ${name}(${names})`, items: [{ ...relation, name, columns: renamed }] };
    }
    const isTable = !isCommon && /^(person|visit|event.*|made|base|kid|m_loud)$/.test(`${relation.name}`);
    const only = isTable && !`${relation.name}`.startsWith('event') && random.chance(0.1) ? 'ONLY ' : '';
    const sample = isTable && random.chance(0.05) ? ' TABLESAMPLE BERNOULLI (50) REPEATABLE (7)' : '';
    return { sql: `${only}${text} ${name}${sample}`, items: [{ ...relation, name }] };
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
    const all = (items: readonly Item[]): readonly Column[] => items.flatMap((item) => item.columns);
    const [ours, theirs] = [all(left.items), all(right.items)];
    const count = (list: readonly Column[], name: string) =>
      list.filter((column) => column.name === name).length;
    const shared = ours.filter((column) => count(theirs, column.name) > 0);
    const joinable = shared.filter(
      ({ name, kind: wanted }) =>
        count(ours, name) === 1 &&
        count(theirs, name) === 1 &&
        ['text', 'int', 'date'].includes(wanted) &&
        theirs.some((column) => column.name === name && column.kind === wanted),
    );
    const isNatural = shared.length > 0 && shared.length === joinable.length && random.chance(0.3);
    const using = isNatural ? joinable : joinable.filter(() => random.chance(0.5));
    if (using.length > 0 && (isNatural || random.chance(0.7))) {
      const names = using.map((column) => column.name);
      const rest = [...ours, ...theirs].filter((column) => !names.includes(column.name));
      const merged = [...using, ...rest];
      const name = random.chance(0.3) ? this.#fresh('j') : null;
      const sql = isNatural
        ? `(${left.sql} NATURAL ${kind} ${right.sql})`
        : `(${left.sql} ${kind} ${right.sql} USING (${names.join(', ')}))`;
      const visible = merged.filter((column) => count(merged, column.name) === 1);
      // Without a name of the join's own, the names within it go on being known.
      const inside =
        name === null ? [...left.items, ...right.items].map((item) => ({ ...item, columns: [] })) : [];
      return {
        sql: name === null ? sql : `${sql} AS ${name}`,
        items: [{ name, columns: visible }, ...inside],
      };
    }
    const items = [...left.items, ...right.items];
    const on = kind === 'FULL JOIN' ? 'true' : this.#value('bool', within(items), 1);
    return { sql: `(${left.sql} ${kind} ${right.sql} ON ${on})`, items };
  }

  #query(outer: readonly Item[], depth: number, wanted: readonly Column[]): string {
    const before = this.#commonTables;
    const text = this.#queryText(outer, depth, wanted);
    this.#commonTables = before;
    return text;
  }

  #queryText(outer: readonly Item[], depth: number, wanted: readonly Column[]): string {
    const random = this.#random;
    const comparable = wanted.every(({ kind }) => kind !== 'json' || true);
    if (depth > 0 && comparable && random.chance(0.12)) {
      const operator = random.pick([
        'UNION ALL',
        'UNION',
        'INTERSECT',
        'EXCEPT',
        'INTERSECT ALL',
        'EXCEPT ALL',
      ]);
      return `(${this.#query(outer, depth - 1, wanted)}) ${operator} (${this.#query(outer, depth - 1, wanted)})`;
    }
    const clause = depth > 0 && random.chance(0.15) ? this.#with(depth - 1) : '';
    const from: string[] = [];
    const items: Item[] = [];
    for (let count = 1 + random.below(2); count > 0; count--) {
      const one = this.#from(outer, items, depth - 1);
      from.push(one.sql);
      items.push(...one.items);
    }
    const inner = random.chance(0.3) ? [...items, ...outer] : items;
    const where = random.chance(0.3)
      ? ` WHERE ${this.#value('bool', within(inner), Math.min(depth - 1, 1))}`
      : '';
    const rest = random.chance(0.2)
      ? this.#grouped(wanted, inner, items, depth)
      : this.#plain(wanted, inner, items, depth);
    return `${clause}SELECT ${rest.targets} FROM ${from.join(', ')}${where}${rest.tail}`;
  }

  #with(depth: number): string {
    const random = this.#random;
    const name = this.#fresh('w');
    const made = [...columns('k:text n:int')].map((column) => ({
      ...column,
      name: this.#fresh(column.name),
    }));
    const [k, n] = made.map((column) => column.name);
    const materialized = random.pick(['', ' MATERIALIZED', ' NOT MATERIALIZED']);
    if (random.chance(0.5)) {
      const plain = `WITH ${name}${random.chance(0.4) ? `(${k}, ${n})` : ''} AS${materialized} (${this.#query([], depth, made)}) `;
      this.#commonTables = [...this.#commonTables, { name, columns: made }];
      return plain;
    }
    const start = this.#query([], depth, made);
    const other = this.#relation();
    const step = random.pick([
      `SELECT r.${k}, r.${n}, r.depth + 1 FROM ${name} r WHERE r.depth < 3`,
      `SELECT r.${k} || 'x', r.${n} + 1, r.depth + 1 FROM ${name} r WHERE r.depth < 3`,
      `SELECT ${this.#value('text', within([{ name: 'r', columns: made }, ...other.items]), 1)}, r.${n}, r.depth + 1 FROM ${name} r, ${other.sql} WHERE r.depth < 2`,
    ]);
    const cycle = random.chance(0.3) ? ` CYCLE ${random.pick([k, n])} SET seen USING trace` : '';
    const search =
      cycle === '' && random.chance(0.2)
        ? ` SEARCH ${random.pick(['DEPTH', 'BREADTH'])} FIRST BY ${random.pick([k, n])} SET place_of`
        : '';
    const union = random.pick(['UNION ALL', 'UNION ALL', 'UNION']);
    const text = `WITH RECURSIVE ${name}(${k}, ${n}, depth) AS${materialized} (SELECT q.${k}::text, q.${n}, 1 FROM (${start}) q ${union} ${step})${cycle}${search} `;
    const more = cycle === '' ? [] : columns('seen:bool');
    this.#commonTables = [
      ...this.#commonTables,
      { name, columns: [...made, ...columns('depth:int'), ...more] },
    ];
    return text;
  }

  #grouped(
    wanted: readonly Column[],
    inner: readonly Item[],
    items: readonly Item[],
    depth: number,
  ): { targets: string; tail: string } {
    const random = this.#random;
    const keys = random.chance(0.6)
      ? times(1 + random.below(2), () => this.#value(random.pick(plainKinds), within(items), random.below(2)))
      : [];
    const texts = keys.filter((key) => /^[a-z]\d*\.?\w*$/i.test(key) && !/^\d/.test(key));
    const targets = wanted.map((column, at) => {
      const key = texts[at];
      const isKey = key !== undefined && column.kind === 'text' && random.chance(0.5);
      const value = isKey ? `(${key})::text` : this.#aggregate(column.kind, inner, depth);
      return `${value} AS ${column.name}`;
    });
    const list = keys.map((key) => `(${key})`).join(', ');
    const group =
      keys.length === 0
        ? ''
        : ` GROUP BY ${random.pick([list, list, `ROLLUP (${list})`, `CUBE (${list})`, `GROUPING SETS ((${list}), ())`])}`;
    const having = random.chance(0.2)
      ? ` HAVING ${random.pick(['count(*) > 1', this.#filled('max({text}) > {text}', within(items), 0)])}`
      : '';
    return { targets: targets.join(', '), tail: group + having };
  }

  #aggregate(kind: Kind, inner: readonly Item[], depth: number): string {
    return aggregates[kind] === undefined
      ? this.#random.pick(constants[kind])
      : this.#value(kind, { items: inner, windows: false, aggregates: true }, depth);
  }

  #plain(
    wanted: readonly Column[],
    inner: readonly Item[],
    items: readonly Item[],
    depth: number,
  ): { targets: string; tail: string } {
    const random = this.#random;
    const window = random.chance(0.3);
    const targets = wanted
      .map(({ kind, name }) => {
        const value = this.#value(kind, { items: inner, windows: window, aggregates: false }, depth);
        const isSet = kind === 'text' && random.chance(0.03);
        return `${isSet ? `unnest(ARRAY[${value}])` : value} AS ${name}`;
      })
      .join(', ');
    const windowClause = window
      ? ` WINDOW w AS (PARTITION BY ${this.#value('text', within(items), 0)} ORDER BY ${this.#value('int', within(items), 0)})`
      : '';
    const places = wanted.map((_, at) => at + 1).join(', ');
    switch (random.below(14)) {
      case 0:
        return { targets: `DISTINCT ${targets}`, tail: windowClause };
      case 1:
        return { targets, tail: `${windowClause} ORDER BY ${places} LIMIT ${random.below(9)}` };
      case 2:
        return {
          targets,
          tail: `${windowClause} ORDER BY ${this.#value('int', within(items), 1)}, ${places} FETCH FIRST ${1 + random.below(4)} ROWS WITH TIES`,
        };
      case 3:
        return {
          targets,
          tail: `${windowClause} ORDER BY ${this.#value(random.pick(plainKinds), within(items), 1)}`,
        };
      case 4: {
        const key = this.#value(random.pick(plainKinds), within(items), 1);
        return {
          targets: `DISTINCT ON ((${key})) ${targets}`,
          tail: `${windowClause} ORDER BY (${key}), ${places}`,
        };
      }
      case 5:
        return {
          targets,
          tail: `${windowClause} ORDER BY ${places} OFFSET ${this.#value('int', nowhere, 1)} % 5 + 5`,
        };
      default:
        return { targets, tail: windowClause };
    }
  }
}

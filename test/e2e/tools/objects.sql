-- One of each kind of thing that tools describe, beside the shop's tables.
SET ROLE gateway;
-- It has a card number in its text, which the example's policy masks wherever it shows.
DROP FUNCTION app.noisy();
CREATE TABLE app.parts (id int, at date, v text) PARTITION BY RANGE (at);
CREATE TABLE app.parts_2020s PARTITION OF app.parts FOR VALUES FROM ('2020-01-01') TO ('2030-01-01');
CREATE VIEW app.names AS SELECT id, name, email FROM app.users;
CREATE MATERIALIZED VIEW app.counts AS SELECT count(*) AS n FROM app.orders;
CREATE TYPE app.mood AS ENUM ('sad', 'ok');
CREATE TYPE app.spot AS (x int, y int);
CREATE DOMAIN app.positive AS int CHECK (VALUE > 0);
CREATE TABLE app.misc (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  mood app.mood DEFAULT 'ok',
  amount app.positive,
  tags text[],
  document jsonb,
  made timestamptz DEFAULT now(),
  first_tag text GENERATED ALWAYS AS (tags[1]) STORED,
  UNIQUE (amount, mood),
  CHECK (amount < 100)
);
CREATE INDEX misc_tags ON app.misc USING gin (tags);
CREATE INDEX misc_first ON app.misc (lower(first_tag)) WHERE amount > 1;
COMMENT ON TABLE app.users IS 'People';
COMMENT ON COLUMN app.users.name IS 'Their name';
CREATE FUNCTION app.f(a int, b text DEFAULT 'x') RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN a; END $$;
CREATE FUNCTION app.keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER keep BEFORE INSERT ON app.misc FOR EACH ROW EXECUTE FUNCTION app.keep();
CREATE AGGREGATE app.total(int) (sfunc = int4pl, stype = int, initcond = '0');
ALTER TABLE app.misc ENABLE ROW LEVEL SECURITY;
CREATE POLICY everything ON app.misc USING (true);
CREATE STATISTICS app.both ON id, amount FROM app.misc;
RESET ROLE;
CREATE EXTENSION postgres_fdw;
CREATE SERVER away FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'nowhere.example');
CREATE FOREIGN TABLE app.far (id int) SERVER away;
CREATE PUBLICATION changes FOR TABLE app.users;

BEGIN;
SET LOCAL search_path TO '';
SET LOCAL standard_conforming_strings TO on;
SET LOCAL lock_timeout TO '10s';
DO 'BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = ''sallyport_ring_ae1f99f92db59e24'') THEN CREATE ROLE "sallyport_ring_ae1f99f92db59e24"; END IF; IF (SELECT rolcreatedb FROM pg_roles WHERE rolname = ''sallyport_ring_ae1f99f92db59e24'') THEN ALTER ROLE "sallyport_ring_ae1f99f92db59e24" NOCREATEDB; END IF; END';
ALTER ROLE "sallyport_ring_ae1f99f92db59e24" LOGIN NOINHERIT NOCREATEROLE PASSWORD 'SCRAM-SHA-256$of-the-test';
COMMENT ON ROLE "sallyport_ring_ae1f99f92db59e24" IS 'Sallyport''s masking ring of target shop';
ALTER ROLE "sallyport_ring_ae1f99f92db59e24" RESET ALL;
ALTER ROLE "sallyport_ring_ae1f99f92db59e24" SET "statement_timeout" TO '30s';
ALTER ROLE "sallyport_ring_ae1f99f92db59e24" SET "app"."who" TO 'o''brien';
GRANT CONNECT ON DATABASE "shop" TO "sallyport_ring_ae1f99f92db59e24";
CREATE SCHEMA "sallyport_ring_ae1f99f92db59e24" AUTHORIZATION "gate""way";
COMMENT ON SCHEMA "sallyport_ring_ae1f99f92db59e24" IS 'Sallyport''s masking ring of target shop';
CREATE SCHEMA "sallyport_ring_ae1f99f92db59e24_keys" AUTHORIZATION "gate""way";
SET LOCAL ROLE "gate""way";
CREATE TABLE "sallyport_ring_ae1f99f92db59e24_keys"."keys" (field text PRIMARY KEY, inner_block bytea NOT NULL, outer_block bytea NOT NULL);
INSERT INTO "sallyport_ring_ae1f99f92db59e24_keys"."keys" VALUES
  ('app.users.email', '\x92b1ea759007dd7e7e16524cbf2a9c7b563cd4045e5b64e1ec64e840096401203636363636363636363636363636363636363636363636363636363636363636', '\xf8db801ffa6db714147c3826d540f6113c56be6e34310e8b860e822a630e6b4a5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c');
GRANT USAGE ON SCHEMA "sallyport_ring_ae1f99f92db59e24" TO "sallyport_ring_ae1f99f92db59e24";
CREATE VIEW "sallyport_ring_ae1f99f92db59e24"."users" WITH (security_barrier) AS SELECT
  t."id" AS "id",
  CASE WHEN t."email" IS NOT NULL THEN ('masked-' || substr(encode(sha256((SELECT k.outer_block FROM "sallyport_ring_ae1f99f92db59e24_keys"."keys" AS k WHERE k.field = 'app.users.email') || sha256((SELECT k.inner_block FROM "sallyport_ring_ae1f99f92db59e24_keys"."keys" AS k WHERE k.field = 'app.users.email') || convert_to(t."email"::text, 'UTF8'))), 'hex'), 1, 20))::"pg_catalog"."text" END AS "email",
  CASE WHEN t."o'clock" IS NOT NULL THEN '[masked]'::"pg_catalog"."text" END AS "o'clock"
  FROM "app"."users" AS t;
DO 'BEGIN EXECUTE ''COMMENT ON VIEW "sallyport_ring_ae1f99f92db59e24"."users" IS '' || quote_literal(''718ac72ba96ea13ebeb19df8c8b4e0d2b1952f5a0ded41578b90d7647fc1cf42 '' || encode(sha256(convert_to(pg_get_viewdef(''"sallyport_ring_ae1f99f92db59e24"."users"''::regclass), ''UTF8'')), ''hex'')); END';
GRANT SELECT ON "sallyport_ring_ae1f99f92db59e24"."users" TO "sallyport_ring_ae1f99f92db59e24";
GRANT INSERT ON "sallyport_ring_ae1f99f92db59e24"."users" TO "sallyport_ring_ae1f99f92db59e24";
GRANT UPDATE ON "sallyport_ring_ae1f99f92db59e24"."users" TO "sallyport_ring_ae1f99f92db59e24";
GRANT DELETE ON "sallyport_ring_ae1f99f92db59e24"."users" TO "sallyport_ring_ae1f99f92db59e24";
CREATE VIEW "sallyport_ring_ae1f99f92db59e24"."Ord""ers" WITH (security_barrier) AS SELECT
  t."id" AS "id"
  FROM "app"."Ord""ers" AS t;
DO 'BEGIN EXECUTE ''COMMENT ON VIEW "sallyport_ring_ae1f99f92db59e24"."Ord""ers" IS '' || quote_literal(''19a32d69db8e03a5fe6a60fe2ef6aa371737850d230f7d34c7d83820e85830b7 '' || encode(sha256(convert_to(pg_get_viewdef(''"sallyport_ring_ae1f99f92db59e24"."Ord""ers"''::regclass), ''UTF8'')), ''hex'')); END';
GRANT SELECT ON "sallyport_ring_ae1f99f92db59e24"."Ord""ers" TO "sallyport_ring_ae1f99f92db59e24";
GRANT INSERT ON "sallyport_ring_ae1f99f92db59e24"."Ord""ers" TO "sallyport_ring_ae1f99f92db59e24";
GRANT UPDATE ON "sallyport_ring_ae1f99f92db59e24"."Ord""ers" TO "sallyport_ring_ae1f99f92db59e24";
GRANT DELETE ON "sallyport_ring_ae1f99f92db59e24"."Ord""ers" TO "sallyport_ring_ae1f99f92db59e24";
RESET ROLE;
GRANT USAGE ON SCHEMA "app" TO "sallyport_ring_ae1f99f92db59e24";
GRANT SELECT ("id") ON "app"."users" TO "sallyport_ring_ae1f99f92db59e24";
GRANT INSERT ON "app"."users" TO "sallyport_ring_ae1f99f92db59e24";
GRANT UPDATE ON "app"."users" TO "sallyport_ring_ae1f99f92db59e24";
GRANT DELETE ON "app"."users" TO "sallyport_ring_ae1f99f92db59e24";
GRANT SELECT ON "app"."notes" TO "sallyport_ring_ae1f99f92db59e24";
DO 'DECLARE one record;
BEGIN
  FOR one IN SELECT p.oid FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
      JOIN pg_language l ON l.oid = p.prolang AND l.lanname IN (''sql'', ''plpgsql'')
    WHERE NOT p.prosecdef AND n.nspname NOT LIKE ''pg\_%'' AND n.nspname <> ''information_schema''
      AND has_function_privilege(''gate"way'', p.oid, ''EXECUTE'') AND NOT has_function_privilege(''sallyport_ring_ae1f99f92db59e24'', p.oid, ''EXECUTE'')
  LOOP
    BEGIN
      EXECUTE format(''GRANT EXECUTE ON ROUTINE %s TO %I'', one.oid::regprocedure, ''sallyport_ring_ae1f99f92db59e24'');
    EXCEPTION WHEN insufficient_privilege THEN
      RAISE NOTICE ''function % stays closed to the ring: who installs may not grant it'', one.oid::regprocedure;
    END;
  END LOOP;
END';
DO 'DECLARE readable text;
BEGIN
  SELECT string_agg(c.relation || ''.'' || c.name, '', '') INTO readable FROM (VALUES
    (''"app"."users"'', ''email''),
    (''"app"."users"'', ''o''''clock'')
  ) AS c (relation, name) WHERE has_column_privilege(''sallyport_ring_ae1f99f92db59e24'', c.relation, c.name, ''SELECT'');
  IF readable IS NOT NULL THEN
    RAISE EXCEPTION ''the role of the masking ring could read %'', readable
      USING HINT = ''PUBLIC may read it. REVOKE that, and grant it to those who need it.'';
  END IF;
END';
COMMIT;

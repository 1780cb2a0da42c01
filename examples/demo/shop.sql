-- A small shop, as agents meet them: people's addresses and cards beside harmless things.
CREATE SCHEMA shop AUTHORIZATION sallyport;
CREATE SCHEMA hr;
SET ROLE sallyport;

CREATE TABLE shop.customers (
  id integer PRIMARY KEY,
  name text NOT NULL,
  email text NOT NULL UNIQUE,
  card text NOT NULL,
  city text NOT NULL
);
CREATE TABLE shop.orders (
  id integer PRIMARY KEY,
  customer_id integer NOT NULL REFERENCES shop.customers (id) ON DELETE CASCADE,
  item text NOT NULL,
  total numeric(8, 2) NOT NULL,
  status text NOT NULL DEFAULT 'paid'
);
INSERT INTO shop.customers VALUES
  (1, 'Ada Park', 'ada.park@example.com', '4111 1111 1111 1111', 'Lisbon'),
  (2, 'Bo Lind', 'bo@lind.example', '5500 0055 5555 5559', 'Lund'),
  (3, 'Cleo Marsh', 'cleo.marsh@example.org', '4012 8888 8888 1881', 'Leeds'),
  (4, 'Dan Okoro', 'dan@okoro.example', '6011 1111 1111 1117', 'Lagos');
INSERT INTO shop.orders VALUES
  (1, 1, 'teapot', 39.00, 'paid'),
  (2, 2, 'kettle', 64.50, 'paid'),
  (3, 3, 'two cups', 18.00, 'shipped'),
  (4, 1, 'tray', 25.00, 'paid');
RESET ROLE;

CREATE TABLE hr.salaries (person text PRIMARY KEY, yearly numeric(10, 2) NOT NULL);
INSERT INTO hr.salaries VALUES ('Olivia', 81000), ('Pete', 67500);
GRANT USAGE ON SCHEMA hr TO sallyport;
GRANT SELECT ON hr.salaries TO sallyport;

-- Run once, by the image of PostgreSQL, when its volume is new.
\getenv password SHOP_DB_PASSWORD
CREATE ROLE sallyport LOGIN PASSWORD :'password';
CREATE SCHEMA app;
CREATE TABLE app.customers (id int PRIMARY KEY, name text NOT NULL, email text NOT NULL, card_number text);
CREATE TABLE app.orders (id int PRIMARY KEY, customer int REFERENCES app.customers, status text NOT NULL);
INSERT INTO app.customers VALUES
  (1, 'Ada', 'ada@shop.example', '4111 1111 1111 1111'),
  (2, 'Bo', 'bo@shop.example', '5500 0055 5555 5559');
INSERT INTO app.orders VALUES (1, 1, 'new'), (2, 2, 'sent');
GRANT USAGE ON SCHEMA app TO sallyport;
GRANT SELECT, UPDATE, DELETE ON ALL TABLES IN SCHEMA app TO sallyport;

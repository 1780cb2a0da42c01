-- The tables of TPC-H (tpc.org, specification 3.0.1, section 1.4), with a few hundred rows that are the same in every run.
CREATE TABLE region (r_regionkey int PRIMARY KEY, r_name char(25) NOT NULL, r_comment varchar(152));
CREATE TABLE nation (n_nationkey int PRIMARY KEY, n_name char(25) NOT NULL, n_regionkey int NOT NULL REFERENCES region, n_comment varchar(152));
CREATE TABLE part (
  p_partkey int PRIMARY KEY, p_name varchar(55) NOT NULL, p_mfgr char(25) NOT NULL, p_brand char(10) NOT NULL, p_type varchar(25) NOT NULL,
  p_size int NOT NULL, p_container char(10) NOT NULL, p_retailprice numeric(15,2) NOT NULL, p_comment varchar(23) NOT NULL);
CREATE TABLE supplier (
  s_suppkey int PRIMARY KEY, s_name char(25) NOT NULL, s_address varchar(40) NOT NULL, s_nationkey int NOT NULL REFERENCES nation,
  s_phone char(15) NOT NULL, s_acctbal numeric(15,2) NOT NULL, s_comment varchar(101) NOT NULL);
CREATE TABLE partsupp (
  ps_partkey int NOT NULL REFERENCES part, ps_suppkey int NOT NULL REFERENCES supplier, ps_availqty int NOT NULL,
  ps_supplycost numeric(15,2) NOT NULL, ps_comment varchar(199) NOT NULL, PRIMARY KEY (ps_partkey, ps_suppkey));
CREATE TABLE customer (
  c_custkey int PRIMARY KEY, c_name varchar(25) NOT NULL, c_address varchar(40) NOT NULL, c_nationkey int NOT NULL REFERENCES nation,
  c_phone char(15) NOT NULL, c_acctbal numeric(15,2) NOT NULL, c_mktsegment char(10) NOT NULL, c_comment varchar(117) NOT NULL);
CREATE TABLE orders (
  o_orderkey int PRIMARY KEY, o_custkey int NOT NULL REFERENCES customer, o_orderstatus char(1) NOT NULL, o_totalprice numeric(15,2) NOT NULL,
  o_orderdate date NOT NULL, o_orderpriority char(15) NOT NULL, o_clerk char(15) NOT NULL, o_shippriority int NOT NULL, o_comment varchar(79) NOT NULL);
CREATE TABLE lineitem (
  l_orderkey int NOT NULL REFERENCES orders, l_partkey int NOT NULL, l_suppkey int NOT NULL, l_linenumber int NOT NULL,
  l_quantity numeric(15,2) NOT NULL, l_extendedprice numeric(15,2) NOT NULL, l_discount numeric(15,2) NOT NULL, l_tax numeric(15,2) NOT NULL,
  l_returnflag char(1) NOT NULL, l_linestatus char(1) NOT NULL, l_shipdate date NOT NULL, l_commitdate date NOT NULL, l_receiptdate date NOT NULL,
  l_shipinstruct char(25) NOT NULL, l_shipmode char(10) NOT NULL, l_comment varchar(44) NOT NULL, PRIMARY KEY (l_orderkey, l_linenumber));

INSERT INTO region SELECT g, (ARRAY['AFRICA','AMERICA','ASIA','EUROPE','MIDDLE EAST'])[g + 1], 'far away' FROM generate_series(0, 4) g;
INSERT INTO nation SELECT g, (ARRAY['ALGERIA','ARGENTINA','BRAZIL','CANADA','EGYPT','ETHIOPIA','FRANCE','GERMANY','INDIA','INDONESIA','IRAN','IRAQ','JAPAN',
  'JORDAN','KENYA','MOROCCO','MOZAMBIQUE','PERU','CHINA','ROMANIA','SAUDI ARABIA','VIETNAM','RUSSIA','UNITED KINGDOM','UNITED STATES'])[g + 1],
  (ARRAY[0,1,1,1,4,0,3,3,2,2,4,4,2,4,0,0,0,1,2,3,4,2,3,3,1])[g + 1], 'a nation' FROM generate_series(0, 24) g;
INSERT INTO part SELECT g, (ARRAY['forest green','antique blue','green lace','misty rose'])[g % 4 + 1] || ' ' || g, 'Manufacturer#' || g % 5 + 1,
  'Brand#' || g % 5 + 1 || g % 3 + 1, (ARRAY['PROMO','STANDARD','ECONOMY'])[g % 3 + 1] || ' ' || (ARRAY['ANODIZED','PLATED'])[g % 2 + 1] || ' ' ||
  (ARRAY['STEEL','BRASS','TIN','COPPER'])[g % 4 + 1], (ARRAY[15,4,23,49,14,9])[g % 6 + 1], (ARRAY['MED BOX','SM CASE','LG BOX','SM PKG','MED PKG'])[g % 5 + 1],
  900 + g * 1.1, 'part ' || g FROM generate_series(1, 120) g;
INSERT INTO supplier SELECT g, 'Supplier#' || lpad(g::text, 9, '0'), 'Street ' || g * 7, g % 25, g % 25 + 10 || '-555-' || lpad(g::text, 4, '0'), g * 311.7 - 900,
  CASE g % 9 WHEN 0 THEN 'slow Customer angry Complaints' ELSE 'quick' END FROM generate_series(1, 50) g;
INSERT INTO partsupp SELECT p, (p * 7 + s * 13) % 50 + 1, p * s % 500 + 300, (p * 3 + s * 11) % 90 + 10.5, 'in stock' FROM generate_series(1, 120) p, generate_series(0, 3) s;
INSERT INTO customer SELECT g, 'Customer#' || lpad(g::text, 9, '0'), 'Avenue ' || g * 3, g % 25, g % 25 + 10 || '-777-' || lpad(g::text, 4, '0'), (g * 97) % 9000 - 500,
  (ARRAY['BUILDING','AUTOMOBILE','MACHINERY','HOUSEHOLD','FURNITURE'])[g % 5 + 1], 'customer ' || g FROM generate_series(1, 150) g;
INSERT INTO orders SELECT g, g * 7 % 100 + 1, (ARRAY['F','O','P'])[g % 3 + 1], g * 101.3, date '1993-01-01' + (g * 13) % 1900,
  (ARRAY['1-URGENT','2-HIGH','3-MEDIUM','4-NOT SPECIFIED','5-LOW'])[g % 5 + 1], 'Clerk#' || g % 9, 0,
  CASE g % 7 WHEN 0 THEN 'special packages requests' ELSE 'as usual' END FROM generate_series(1, 600) g;
INSERT INTO lineitem SELECT o, (o * 3 + l * 17) % 120 + 1, (((o * 3 + l * 17) % 120 + 1) * 7 + l % 4 * 13) % 50 + 1, l, (o * 5 + l * 11) % 50 + 1 + CASE WHEN o % 100 = 0 THEN 60 ELSE 0 END,
  (o * 37 + l * 53) % 9000 + 1000.25, (o + l) % 10 / 100.0, l % 9 / 100.0, (ARRAY['R','A','N'])[(o + l) % 3 + 1], (ARRAY['O','F'])[o % 2 + 1],
  o_orderdate + (o + l) % 90 + 1, o_orderdate + (o * l) % 80 + 20, o_orderdate + (o + l) % 90 + 1 + (o + l * 3) % 30,
  (ARRAY['DELIVER IN PERSON','COLLECT COD','NONE'])[(o + l) % 3 + 1], (ARRAY['AIR','MAIL','SHIP','TRUCK','AIR REG','RAIL'])[(o * l) % 6 + 1], 'a line'
  FROM generate_series(1, 600) o JOIN orders ON o_orderkey = o, generate_series(1, 4) l;
ANALYZE;

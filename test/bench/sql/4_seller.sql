-- Who works: a user of the CRM who owns no table. He may do the same on the bare side, and read the files of COPY.
CREATE ROLE seller LOGIN;
UPDATE crm.crm_user SET role_name = 'seller' WHERE owner_id = (SELECT min(owner_id) FROM bench.owner);
SELECT * FROM sales_crm.grant_access(role => 'seller', level => 'sell');
GRANT USAGE ON SCHEMA bb, bench TO seller;
GRANT ALL ON ALL TABLES IN SCHEMA bb, bench TO seller;
GRANT ALL ON ALL SEQUENCES IN SCHEMA bb, bench TO seller;
GRANT pg_read_server_files TO seller;

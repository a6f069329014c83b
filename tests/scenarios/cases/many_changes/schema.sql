CREATE TABLE people (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    handle text NOT NULL UNIQUE,
    mail text NOT NULL,
    name text NOT NULL,
    city text,
    fax text NOT NULL,
    status text DEFAULT 'new'
);
CREATE INDEX people_mail_idx ON people (lower(mail));
INSERT INTO people (handle, mail, name, city, fax)
SELECT 'p' || g, 'm' || g, 'First' || g || ' Last', CASE WHEN g % 2 = 0 THEN 'Paris' END, 'f' FROM generate_series(1, 1000) g;

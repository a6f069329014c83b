-- After contract.
CREATE TABLE cities (name text PRIMARY KEY);
CREATE TABLE users (
    handle text NOT NULL,
    city text,
    "e-mail" text NOT NULL,
    CONSTRAINT users_handle_key UNIQUE (handle),
    CONSTRAINT users_pkey PRIMARY KEY ("e-mail"),
    CONSTRAINT has_at CHECK ("e-mail" LIKE '%_@_%' AND handle <> ''),
    CONSTRAINT users_city_fkey FOREIGN KEY (city) REFERENCES cities
);
CREATE INDEX "users_by_e-mail" ON users (lower("e-mail"));
CREATE INDEX users_by_city ON users (city DESC) INCLUDE ("e-mail");
CREATE INDEX users_by_domain ON users (split_part("e-mail", '@', 2)) WHERE city IS NOT NULL;

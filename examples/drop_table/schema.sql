-- Before: visits are kept beside users, and nobody looks at them any more.
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    handle text NOT NULL UNIQUE,
    city text
);
CREATE TABLE visits (
    id serial PRIMARY KEY,
    user_id bigint NOT NULL CONSTRAINT visits_user_id_fkey REFERENCES users ON DELETE CASCADE,
    at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX visits_user_id_idx ON visits (user_id);
CREATE TABLE visit_pages (
    visit_id int NOT NULL CONSTRAINT visit_pages_visit_id_fkey REFERENCES visits ON DELETE CASCADE,
    page text
);
CREATE TABLE complaints (
    visit_id int CONSTRAINT complaints_visit_id_fkey REFERENCES visits ON DELETE SET NULL,
    words text
);
INSERT INTO users (handle, city) SELECT 'u' || g, 'Paris' FROM generate_series(1, 500) g;
INSERT INTO visits (user_id) SELECT id FROM users;
INSERT INTO visit_pages SELECT id, '/' FROM visits;
ANALYZE;

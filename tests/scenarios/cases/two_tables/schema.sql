-- Before: books refer to their authors, and nothing yet to the publishers.
CREATE TABLE publishers (name text PRIMARY KEY);
INSERT INTO publishers VALUES ('Élan'), ('Harbour'), ('100 %');
CREATE TABLE authors (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    handle text NOT NULL UNIQUE,
    pen_name text NOT NULL CHECK (pen_name <> ''),
    country text
);
CREATE TABLE books (
    isbn text PRIMARY KEY,
    author_id bigint NOT NULL REFERENCES authors ON DELETE CASCADE,
    title text NOT NULL,
    publisher text,
    pages integer
);
CREATE INDEX books_author_id_idx ON books (author_id, publisher);
INSERT INTO authors (handle, pen_name) SELECT 'b' || g, 'Author ' || g FROM generate_series(1, 500) g;
INSERT INTO books SELECT handle, id, 'Book ' || id, 'Harbour', 100 FROM authors;

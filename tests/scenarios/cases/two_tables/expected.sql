-- After contract.
CREATE TABLE publishers (name text PRIMARY KEY);
CREATE TABLE authors (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    handle text NOT NULL UNIQUE,
    country text NOT NULL,
    name text NOT NULL,
    CONSTRAINT authors_name_check CHECK (name <> ''),
    CONSTRAINT authors_handle_country_key UNIQUE (handle, country)
);
COMMENT ON TABLE authors IS 'whoever writes';
CREATE TABLE books (
    isbn text PRIMARY KEY,
    publisher text,
    writer_id bigint NOT NULL,
    main_title text NOT NULL,
    subtitle text,
    CONSTRAINT books_publisher_fkey FOREIGN KEY (publisher) REFERENCES publishers,
    CONSTRAINT books_writer_id_fkey FOREIGN KEY (writer_id) REFERENCES authors ON DELETE CASCADE
);
CREATE INDEX books_by_publisher ON books (publisher, writer_id);
CREATE INDEX books_writer_id_idx ON books (writer_id, publisher);
CREATE TABLE reviews (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    publisher text NOT NULL,
    CONSTRAINT reviews_publisher_fkey FOREIGN KEY (publisher) REFERENCES publishers
);

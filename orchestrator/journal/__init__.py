"""The journal: where every run stands, kept in the database that is being changed."""

"""Deltas for the golden SQL: one that asks for as little as possible, one for everything under hostile names."""

from dataclasses import replace

from phases.delta import (
    CopiedKey,
    Default,
    Delta,
    Dropped,
    DroppedForeignKey,
    Duplicates,
    EnumValue,
    Equality,
    ForeignKey,
    Grant,
    Identity,
    Index,
    KeyColumn,
    KeyTree,
    Link,
    Move,
    NewColumn,
    NewEnum,
    NewSequence,
    NewTable,
    NotNull,
    OwnedSequence,
    PartitionBound,
    Partitioning,
    Proof,
    Proven,
    RawStep,
    Renamed,
    ReplicaIdentity,
    Retype,
    Setting,
    SharedName,
    Statistics,
    Swap,
    Sync,
    Table,
    TableColumn,
    TableConstraint,
    TableKey,
    TableOption,
    TableRename,
    TakeOver,
    TriggerFunction,
    UniqueKey,
    Value,
)
from phases.enums import without

LONG = "é" * 31 + "x"
"""63 bytes in 32 characters: one more would be cut."""


def plain() -> Delta:
    """users.email becomes users.email_address; nothing hangs on it."""
    return Delta(
        table=Table("public", "users"),
        sync=Sync(
            links=(Link.copy("email", "email_address"),),
            trigger="zzzz_orchestrator_rename_email",
            function="orchestrator_sync_rename_email",
            counter="orchestrator_conflicts_rename_email",
        ),
        add=(NewColumn(name="email_address", type="text"),),
        drop=("email",),
        key=("id",),
    )


def retyped() -> Delta:
    """A key that changes its type with all that moves with it, and a column that does where it stands."""
    table = Table('sche"ma', 'we"ird%1')
    key = UniqueKey(name='p"key', old_name='p"key', index='p"key_next', primary=True, deferral=" DEFERRABLE")
    identity = Identity(
        column="order", always=True, schema='sche"ma', sequence='se"q', interim="seq_old", options="MAXVALUE 9"
    )
    key_of_old = ForeignKey(
        table=table,
        name='par"ent',
        columns=("order",),
        references=table,
        referenced_columns=("order",),
        actions=" ON DELETE SET NULL",
        set_columns=("order",),
    )
    back = Link(
        old=("order",),
        up=(Value(column='ord"er%s', expression='(new."order")::integer', type="integer", comparison="plain"),),
        down=(Value(column="order", expression='(new."ord""er%s")::bigint', type="bigint", comparison="plain"),),
    )
    return Delta(
        table=table,
        key=("order",),
        sync=Sync(
            links=(
                Link(
                    old=("order",),
                    up=(Value(column='ord"er%s', expression='(new."order")::bigint', type="bigint"),),
                    exact=True,
                ),
            ),
            trigger='zzzz"trigger',
            function="sync'function",
            counter='count"er',
        ),
        add=(NewColumn(name='ord"er%s', type="bigint"),),
        drop=('ord"er%s',),
        foreign_keys=(
            ForeignKey(
                table=table,
                name="parent_next",
                columns=('ord"er%s',),
                references=table,
                referenced_columns=('ord"er%s',),
                actions=" ON DELETE SET NULL",
                rename_to='par"ent',
            ),
        ),
        swaps=(
            Swap(
                column="order",
                shadow='ord"er%s',
                back=back,
                forth=TakeOver(
                    defaults=(Default(column="order", expression="'100%'::text"),),
                    identities=(identity,),
                    sequences=(OwnedSequence(schema='sche"ma', name="serial%seq", column="order", type="bigint"),),
                    primary_keys=(key,),
                    replica_identity=(ReplicaIdentity(index='p"key_next'),),
                    clustered=('p"key_next',),
                    left_defaults=('ord"er%s',),
                    left_identities=('ord"er%s',),
                ),
                undo=TakeOver(identities=(identity,), primary_keys=(replace(key, index="back"),)),
                foreign_keys=(key_of_old,),
            ),
        ),
        retypes=(
            Retype(
                column="it's",
                type="text",
                collation=("pg_catalog", "C"),
                old_type="character varying(9)",
                old_collation=None,
                default="'100%'::character varying",
                rewrites_back=True,
            ),
        ),
        trigger_functions=(TriggerFunction(schema='sche"ma', name="it's%1", cost=100.0),),
    )


def relabelled() -> Delta:
    """A column whose enum another one replaces, under names that want quoting."""
    table = Table('sche"ma', 'we"ird%1')
    return Delta(
        table=table,
        key=("id",),
        sync=Sync(
            links=(
                Link(
                    old=("order",),
                    up=(Value(column='ord"er%s', expression='\'x\'::"ne""w"', comparison="plain"),),
                    exact=True,
                ),
            ),
            trigger='zzzz"trigger',
            function="sync'function",
            counter='count"er',
        ),
        add=(NewColumn(name='ord"er%s', type='"ne""w"'),),
        drop=("order",),
        enums=(
            NewEnum(
                schema='sche"ma',
                name='ne"w',
                old_name="mo'od%",
                old_values=("it's 100%", 'so"so', "ba\\d", "go'ne%"),
                values=("it's 100%", 'so"so', "ba\\d"),
                owner='own"er',
                comment="100% 'it'",
                grants=(Grant(privilege="USAGE", grantee='ro"le', grantable=True),),
                takes_name=True,
            ),
        ),
        final_names=(Renamed(old_name='ord"er%s', name="order"),),
        constraints=(without("it's 100%", column="order", array=False, name='che"ck%'),),
        proven=(Proven(column="order", constraint='che"ck%'),),
        trigger_functions=(TriggerFunction(schema='sche"ma', name="it's%1", cost=100.0),),
    )


def whole() -> Delta:
    """Tables that come, go and change their names, under names that want quoting."""
    table = Table('sche"ma', 'we"ird%1')
    other = Table("public", "select")
    return Delta(
        table=table,
        key=("order",),
        create=(
            NewTable(
                name='we"ird%1',
                columns=(
                    TableColumn(name="order", type="bigint", identity="ALWAYS", not_null=True, comment="100% 'it'"),
                    TableColumn(name='a"%s', type="text", collation=("pg_catalog", "C"), default="'100%'::text"),
                ),
                keys=(
                    TableKey(name='p"key', columns=("order",), primary=True),
                    TableKey(name="no%two", columns=('a"%s', "order"), nulls_distinct=False),
                ),
                checks=(("che'ck", 'CHECK (("a""%s" ~~ \'%@%\'::text))'),),
                indexes=(('i"x', 'USING btree (lower("a""%s")) WHERE ("order" > 0)'),),
                comment="it's 100% new",
                grants=(Grant(privilege="SELECT", grantee='ro"le', grantable=False),),
            ),
        ),
        drop_foreign_keys=(DroppedForeignKey(table=table, name='f"k%', references=other),),
        drop_tables=(table,),
        rename_tables=(
            TableRename(
                to='new"%s',
                columns=("order", 'a"%s'),
                owner='ow"ner',
                invoker=True,
                grants=(Grant(privilege="SELECT", grantee=None, grantable=False),),
                column_grants=(('a"%s', Grant(privilege="UPDATE", grantee='ro"le', grantable=True)),),
            ),
        ),
        moves=(
            Move(
                table=Table('o"ther', "mo%s've"),
                create=NewTable(
                    name="mo%s've",
                    columns=(
                        TableColumn(name='k"ey', type="bigint", not_null=True),
                        TableColumn(name="a%part", type="text"),
                    ),
                    keys=(TableKey(name='mo"ve_pkey', columns=('k"ey', "select"), primary=True),),
                ),
                key=(("order", 'k"ey'), ("select", "select")),
                columns=(('a"%s', "a%part"), ("it's", LONG)),
                trigger='Orches"trator%',
                function="fo'rth",
                back_trigger="Orchestrator_back",
                back_function='ba"ck',
            ),
        ),
        raw=(
            RawStep(
                phase="constrain",
                title="100% 'ours'",
                run=("COMMENT ON SCHEMA public IS '100%'", "SELECT 1"),
                undo=("DROP VIEW IF EXISTS v",),
                lock="short exclusive",
            ),
            RawStep(phase="constrain", title="look", run=("ANALYZE",), lock="long, harmless"),
            RawStep(
                phase="backfill",
                title="outside",
                run=("VACUUM",),
                undo=("DROP INDEX CONCURRENTLY IF EXISTS i",),
                lock="concurrently",
            ),
        ),
    )


def partitioned() -> Delta:
    """A table that becomes partitioned, under names that want quoting."""
    table, other = Table('sche"ma', 'we"ird%1'), Table("public", "select")
    grant = Grant(privilege="SELECT", grantee='ro"le', grantable=False)
    return Delta(
        table=table,
        key=("order", "a'%s"),
        partitionings=(
            Partitioning(
                copy='cop"y%',
                retired='reti"red%',
                owner='ow"ner',
                by='RANGE ("a\'%s")',
                partitions=(
                    PartitionBound(name='pa"rt%', bound="FOR VALUES FROM ('100%') TO (MAXVALUE)"),
                    PartitionBound(name="rest", bound="DEFAULT"),
                ),
                columns=(
                    NewColumn(name="order", type="bigint", not_null=True, default="nextval('se\"q')"),
                    NewColumn(
                        name="a'%s",
                        type="text",
                        collation=("pg_catalog", "C"),
                        storage="EXTERNAL",
                        compression="pglz",
                        statistics=500,
                        options=("n_distinct=-0.5",),
                        comment="100% 'it'",
                        grants=(grant,),
                        default="'100%'::text",
                    ),
                ),
                key=(
                    KeyColumn(name="order", operator="OPERATOR(pg_catalog.=)"),
                    KeyColumn(name="a'%s", operator='OPERATOR("we""ird".=)'),
                ),
                keys=(CopiedKey(name='key"copy', definition='PRIMARY KEY ("order", "a\'%s")', comment="it's"),),
                checks=(
                    TableConstraint(
                        name="che'ck", kind="check", definition="CHECK ((\"order\" <> '%'))", comment="why"
                    ),
                ),
                indexes=(
                    Index(
                        name='index"copy',
                        unique=True,
                        definition='USING btree ("order" DESC, "a\'%s")',
                        comment="100%",
                        statistics=((1, 500),),
                    ),
                ),
                statistics=(
                    Statistics(
                        schema='sche"ma', name='stat"copy', kinds=("mcv",), columns='"order", "a\'%s"', target=9
                    ),
                ),
                names=(
                    SharedName(what="constraint", schema='sche"ma', name='k"ey', copy='key"copy', retired='key"old'),
                    SharedName(what="index", schema='sche"ma', name='in"dex', copy='index"copy', retired='index"old'),
                    SharedName(what="statistics", schema='o"ther', name='st"at', copy='stat"copy', retired='stat"old'),
                ),
                foreign_keys=(
                    ForeignKey(
                        table=table,
                        name='f"k',
                        columns=("a'%s",),
                        references=other,
                        referenced_columns=("select",),
                        actions=" ON DELETE SET NULL",
                        set_columns=("a'%s",),
                        comment="points out",
                    ),
                ),
                options=(
                    TableOption(name="fillfactor", value="70"),
                    TableOption(name="autovacuum_enabled", value="off", toast=True),
                ),
                comment="it's 100% old",
                grants=(grant,),
                identities=(
                    Identity(
                        column="order",
                        always=True,
                        schema='sche"ma',
                        sequence='se"q',
                        interim="seq_old",
                        options="MAXVALUE 9",
                        grants=(grant,),
                    ),
                ),
                sequences=(OwnedSequence(schema='sche"ma', name="serial%seq", column="a'%s"),),
                trigger='zzzz"trigger',
                truncate_trigger='zzzz"truncate',
                function="sync'function",
            ),
        ),
    )


def hostile() -> Delta:
    """Two columns of a table without a primary key by which rows could be named, under names that want quoting."""
    table = Table('sche"ma', 'we"ird%1')
    other = Table("public", "select")
    return Delta(
        table=table,
        sync=Sync(
            links=(Link.copy("order", 'new"%s', always_given=True), Link.copy("it's", LONG)),
            trigger='zzzz"trigger',
            function="sync'function",
            counter='count"er',
        ),
        add=(
            NewColumn(
                name='new"%s',
                type="character varying(40)",
                collation=("pg_catalog", "C"),
                storage="EXTERNAL",
                compression="lz4",
                statistics=250,
                options=("n_distinct=-0.5", "n_distinct_inherited=7"),
                comment='it\'s 100% "new"',
                grants=(
                    Grant(privilege="SELECT", grantee=None, grantable=False),
                    Grant(privilege="UPDATE", grantee='ro"le', grantable=True),
                ),
            ),
            NewColumn(name=LONG, type="bigint"),
            NewColumn(name="c%d", type="text", default="'100%'::text", not_null=True),
            NewColumn(name='a"part', type="uuid", default="gen_random_uuid()", default_apart=True),
            NewColumn(name="vir'tual", type="text", generated='lower("new""%s")'),
            NewColumn(
                name="num%ber",
                type="bigint",
                default="nextval('x')",
                default_apart=True,
                sequence=NewSequence(
                    schema='sche"ma',
                    name="num'ber",
                    type="bigint",
                    owner='ow"ner%s',
                    grants=(Grant(privilege="USAGE", grantee='ro"le', grantable=False),),
                ),
            ),
        ),
        drop=("order", "it's"),
        key=(),
        loosen=(
            NotNull(column='lo"ose%'),
            NotNull(
                column="it's",
                constraint='it"s there',
                definition='NOT NULL "it\'s" NO INHERIT',
                comment="100% 'there'",
            ),
        ),
        settings=(
            Setting(what="default", column="d%f'\"", value="'100%'::text", before=None),
            Setting(what="default", column="count", value=None, before="'%s'::text", at_contract=True),
            Setting(what="comment", column="d%f'\"", value='it\'s "100%"', before="was 'it'"),
            Setting(what="comment", column=None, value="all of 'them'", before=None),
        ),
        not_null=('new"%s', "or'der"),
        proofs=(Proof(column="or'der", constraint="theirs"),),
        indexes=(
            Index(
                name='pkey"next',
                old_name="we_pkey",
                unique=True,
                definition='USING btree ("new""%s")',
                owned_by_constraint=True,
                replica_identity=True,
            ),
            Index(
                name="key_next",
                old_name='old"key',
                unique=True,
                definition='USING btree ("new""%s" text_pattern_ops DESC NULLS LAST) INCLUDE (id)',
                owned_by_constraint=True,
                inspected=Duplicates(
                    expressions=('"new""%s"', 'lower(id) COLLATE pg_catalog."C"'), predicate='("order" IS NULL)'
                ),
            ),
            Index(
                name="idx_next",
                old_name="idx%",
                unique=False,
                definition='USING gin (lower("new""%s")) WHERE ("new""%s" <> \'x%\'::text)',
                tablespace="fast disks",
                comment="for the 'search'",
                statistics=((1, 300),),
                rename_to="idx%",
                clustered=True,
            ),
        ),
        unique_keys=(
            UniqueKey(name="we_pkey", old_name="we_pkey", index='pkey"next', primary=True, comment="the key"),
            UniqueKey(
                name="key_next",
                old_name='old"key',
                index="key_next",
                primary=False,
                deferral=" DEFERRABLE INITIALLY DEFERRED",
                comment="no two",
                rename_to='old"key',
            ),
        ),
        constraints=(
            TableConstraint(
                name="che'ck",
                kind="check",
                definition='CHECK (("new""%s" ~~ \'%@%\'::text))',
                violated_by='NOT ("new""%s" ~~ \'%@%\'::text)',
                inspected=True,
                comment="an address",
                rename_to='old"check',
            ),
            TableConstraint(name="later", kind="check", definition="CHECK (true)", validated=False),
            TableConstraint(name="promise", kind="check", definition="CHECK (true) NOT ENFORCED", enforced=False),
            TableConstraint(name="named_nn", kind="not_null", definition='NOT NULL "new""%s"'),
            TableConstraint(
                name="apart",
                kind="exclude",
                definition='EXCLUDE USING gist ("new""%s" WITH =)',
                rename_to="apart_as_before",
            ),
        ),
        foreign_keys=(
            ForeignKey(
                table=table,
                name="out_next",
                old_name='out"fk',
                columns=('new"%s', LONG),
                references=other,
                referenced_columns=("a", "b"),
                actions=" MATCH FULL ON UPDATE CASCADE ON DELETE SET NULL",
                set_columns=(LONG,),
                inspected=(
                    Equality(operator="OPERATOR(pg_catalog.=)", collation=('o"rder', "C")),
                    Equality(operator='OPERATOR("we""ird".=)'),
                ),
                deferral=" DEFERRABLE",
                comment="points out",
                rename_to='out"fk',
            ),
            ForeignKey(
                table=other,
                name="in_next",
                old_name="in_fk",
                columns=("ref",),
                references=table,
                referenced_columns=('new"%s',),
                actions="",
                validated=False,
            ),
            ForeignKey(
                table=table,
                name="self_next",
                old_name="self_fk",
                columns=("parent",),
                references=table,
                referenced_columns=('new"%s',),
                actions="",
                enforced=False,
            ),
        ),
        statistics=(
            Statistics(
                schema='sche"ma',
                name="stat_next",
                old_name="stat",
                kinds=("ndistinct", "mcv"),
                columns='"new""%s", id',
                target=500,
                comment="they go together",
                owner='ow"ner%s',
                rename_to="stat",
            ),
            Statistics(
                schema='sche"ma', name="expression_stat", old_name="old_stat", kinds=(), columns='lower("new""%s")'
            ),
        ),
        defaults=(Default(column='new"%s', expression="'100%'::text"),),
        identities=(
            Identity(
                column=LONG,
                always=True,
                schema='sche"ma',
                sequence='se"q',
                interim="seq_old",
                options="AS bigint START WITH 1 INCREMENT BY 1 MINVALUE 1 MAXVALUE 9 CACHE 1 NO CYCLE",
                grants=(Grant(privilege="USAGE", grantee='ro"le', grantable=False),),
            ),
            Identity(
                column="num%ber",
                always=False,
                schema='sche"ma',
                sequence="num'ber",
                interim='num"old',
                options="",
                from_default=True,
            ),
        ),
        sequences=(OwnedSequence(schema='sche"ma', name="serial%seq", column='new"%s'),),
        no_nulls=('new"%s',),
        reindex=('in"dex%s',),
        lift=(
            TableConstraint(
                name='la"x%s',
                kind="check",
                definition="CHECK ((\"order\" <> '%'::text))",
                violated_by="NOT (\"order\" <> '%'::text)",
                comment="for 'now'",
            ),
            TableConstraint(name="never checked", kind="check", definition="CHECK (false)", validated=False),
        ),
        lift_foreign_keys=(
            ForeignKey(
                table=table,
                name='lo"ose',
                columns=("ref",),
                references=other,
                referenced_columns=("select",),
                actions=" ON DELETE RESTRICT",
            ),
        ),
        moves=(
            Move(
                table=other,
                create=None,
                key=(("order", 'k"ey'),),
                columns=(("it's", 'the"re%'),),
                trigger='Orches"trator%',
                function="fo'rth",
                back_trigger="Orchestrator_back",
                back_function='ba"ck',
            ),
        ),
        drop_constraints=(Dropped(name='go"ne%s', definition="CHECK (true)"),),
        rename_constraints=(Renamed(old_name='old"name', name="new%name"),),
        enum_values=(
            EnumValue(schema='sche"ma', type="mo'od", value="it's 100%", after='so"so'),
            EnumValue(schema='sche"ma', type="mo'od", value="first", before="it's 100%"),
            EnumValue(schema='sche"ma', type="mo'od", value="la\\st"),
        ),
    )


def with_partitions() -> Delta:
    """A column of a partitioned table that another one takes over from, a key, and an index that goes."""
    table = Table('sche"ma', 'we"ird%1')
    return replace(
        plain(),
        table=table,
        partitioned=True,
        not_null=("email_address",),
        indexes=(
            Index(name='i"ndex', old_name="users_email", unique=False, definition="USING btree (email_address)"),
            Index(
                name="one",
                unique=True,
                definition="USING btree (email_address) INCLUDE (city)",
                tablespace="fast",
                owned_by_constraint=True,
                inspected=Duplicates(expressions=("email_address",)),
                keys=("email_address",),
                include=("city",),
                nulls_not_distinct=True,
                options="fillfactor='70'",
            ),
            Index(
                name="key" * 20,
                old_name="key%",
                unique=True,
                definition="USING btree (email_address)",
                owned_by_constraint=True,
                loose=True,
            ),
            Index(name="until", unique=True, definition="USING btree (email_address)", interim=True),
            Index(
                name="new%",
                old_name="old'",
                unique=True,
                definition="USING btree (email_address)",
                replica_identity=True,
            ),
        ),
        unique_keys=(
            UniqueKey(name="one", index="one", primary=False, deferral=" DEFERRABLE", comment="it's"),
            UniqueKey(
                name="key%",
                old_name="key%",
                index="key" * 20,
                primary=True,
                deferral=" DEFERRABLE",
                tree=KeyTree(definition="PRIMARY KEY (email_address) DEFERRABLE", comment="it's"),
            ),
        ),
        foreign_keys=(
            ForeignKey(
                table=table,
                name="next%",
                old_name="old%",
                columns=("email_address",),
                references=Table("other", "mails"),
                referenced_columns=("email",),
                actions="",
                by_leaf=True,
                trees=(table,),
                rename_to="lives%in",
            ),
        ),
        key_exchanges=(
            ForeignKey(
                table=Table("other", "visits"),
                name="of%",
                columns=("mail",),
                references=table,
                referenced_columns=("email_address",),
                actions=" ON DELETE CASCADE",
                trees=(Table("other", "visits"), table),
                comment="it's",
            ),
        ),
        settings=(Setting(what="comment", column="city", value="new", before=None),),
        drop_indexes=(Dropped(name="by_email", definition="USING btree (email)"),),
        reindex=("by_city",),
    )

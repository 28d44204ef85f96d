"""Rows of the models read and written past the ORM, where every request goes by.

An object of a model is made from a row as it was read, and a new one is written by one statement.
The ORM's own way, which compares and orders everything that was read, costs several times what the
database does; it stays for objects that others than a save change (`attach`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, LargeBinary, Table, bindparam, insert, inspect, select, update
from sqlalchemy.orm.attributes import instance_state, set_committed_value

from webapp.extensions import Base, Model, db, insert_into
from webapp.prepared import Convert, Prepared, converted
from webapp.types import JSON, UTCDateTime, as_hex, now, read_moment, rows_as_json


def owned_by(name: str, metadata: Any = Base.metadata) -> list[Table]:
    """The tables whose rows belong to rows of the table of this name, parents first."""
    found = {name}
    tables = []
    for table in metadata.sorted_tables:
        if any(key.column.table.name in found for key in table.foreign_keys):
            found.add(table.name)
            tables.append(table)
    return tables


def as_read(model: Any, values: Mapping[str, Any], attach: bool = False) -> Any:
    """An object with these values of its attributes, as it stands in the database, detached from
    the ORM's session. `attach`: what is changed in it is stored with the transaction; where that
    has the same row in hand already, it is that object."""
    manager, key_of = _known(model)
    found = manager.new_instance()
    found.__dict__.update(values)
    state = instance_state(found)
    state.key = key_of(values)
    if attach:
        session = db.session()
        known = session.identity_map.get(state.key)
        if known is not None:
            return known
        session.add(found)
    return found


@cache
def _known(model: Any) -> tuple[Any, Callable[[Mapping[str, Any]], Any]]:
    """What makes objects of a model, and the key by which the ORM knows a row out of its values."""
    mapper, names = inspect(model), _primary_key(model)
    return (
        mapper.class_manager,
        lambda values: mapper.identity_key_from_primary_key([values[n] for n in names]),
    )


def is_new(row: Model) -> bool:
    """It was made here, not read."""
    return bool(instance_state(row).transient)


def changed(row: Model) -> Iterator[Model]:
    """Of an object and those that were read with it (`Rows`): which are detached from the ORM's
    session and differ from what was read."""
    state = instance_state(row)
    if state.modified and state.detached:
        yield row
    for name in _joined(type(row)):
        if (other := vars(row).get(name)) is not None:
            yield from changed(other)


@cache
def _joined(model: Any) -> tuple[str, ...]:
    return tuple(one.key for one in inspect(model).relationships if one.lazy == "joined")


def insert_row(row: Model) -> None:
    """Write an object that was just made, in the transaction at hand. What has no value is NULL,
    but for the columns that say when."""
    values = {name: vars(row).get(name) for name in _columns(type(row))}
    for moment in ("created_at", "updated_at"):
        if moment in values and values[moment] is None:
            setattr(row, moment, now())
            values[moment] = getattr(row, moment)
    _inserting(type(row)).run(values)


@cache
def _columns(model: Any) -> tuple[str, ...]:
    return tuple(model.__table__.columns.keys())


@cache
def _inserting(model: Any) -> Prepared:
    values: dict[str, Any] = {name: bindparam(name) for name in _columns(model)}
    return Prepared(lambda: insert(model).values(values))


def update_row(row: Model) -> None:
    """Write what differs in an object from what was read (`as_read`), in the transaction at hand;
    what keeps the moment of each change gets it."""
    names = set(_columns(type(row))) - instance_state(row).unmodified
    if not names:
        return
    for name in _touched(type(row)) - names:
        setattr(row, name, now())
        names.add(name)
    values = {name: vars(row)[name] for name in names}
    keys = {f"key_{name}": vars(row)[name] for name in _primary_key(type(row))}
    _updating(type(row), frozenset(names)).run(values | keys)
    for name, value in values.items():
        set_committed_value(row, name, value)


@cache
def _touched(model: Any) -> frozenset[str]:
    return frozenset(c.key for c in model.__table__.columns if c.onupdate is not None)


@cache
def _primary_key(model: Any) -> tuple[str, ...]:
    return tuple(column.key for column in inspect(model).primary_key)


@lru_cache(maxsize=500)
def _updating(model: Any, names: frozenset[str]) -> Prepared:
    def make() -> Any:
        its_own = [model.__table__.c[n] == bindparam(f"key_{n}") for n in _primary_key(model)]
        return update(model).where(*its_own).values({name: bindparam(name) for name in names})

    return Prepared(make)


class Upsert:
    """Inserts rows of a model or, where the key of one is there already, sets the columns that are
    named in `changed`."""

    def __init__(
        self,
        model: Any,
        changed: Sequence[str],
        key: Sequence[str] = (),
        returning: Sequence[str] = (),
    ) -> None:
        """`key`: the columns of a unique constraint, in place of the primary key; `returning`:
        those that are returned of each row."""
        self._table = model.__table__
        self._changed, self._returning = changed, returning
        self._key = key or [column.name for column in self._table.primary_key]
        self._known: dict[tuple[int, tuple[str, ...]], Prepared] = {}

    def run(self, *rows: Mapping[str, Any]) -> list[Any]:
        """Write rows (column -> value, the same columns in each) in one statement, in the
        transaction at hand."""
        if not rows:
            return []
        shape = len(rows), tuple(rows[0])
        if (statement := self._known.get(shape)) is None:
            statement = self._known[shape] = Prepared(lambda: self._make(*shape))
        given = {f"{name}_{n}": value for n, row in enumerate(rows) for name, value in row.items()}
        return statement.run(given)

    def _make(self, count: int, names: Sequence[str]) -> Any:
        columns = self._table.c
        upsert = insert_into(self._table).values(
            [
                {name: bindparam(f"{name}_{n}", type_=columns[name].type) for name in names}
                for n in range(count)
            ]
        )
        new = {name: upsert.excluded[name] for name in self._changed}
        upsert = upsert.on_conflict_do_update(index_elements=self._key, set_=new)
        if self._returning:
            upsert = upsert.returning(*[columns[name] for name in self._returning])
        return upsert


class _Part(NamedTuple):
    """Where an object stands in the rows that are read."""

    model: type[Any]
    names: Sequence[str]
    place: slice
    owner: int
    """The place of its `session_id`."""
    joined: Sequence[tuple[str, "_Part"]] = ()
    """Attribute -> the object behind it."""

    def of(self, row: Sequence[Any], attach: bool) -> Any:
        if row[self.owner] is None:
            return None
        values = dict(zip(self.names, row[self.place], strict=True))
        for name, part in self.joined:
            values[name] = part.of(row, attach)
        return as_read(self.model, values, attach)


class Rows:
    """A statement that reads an object of each of some models, which belong to sessions, with those
    that they name as joined (`lazy="joined"`, of one row at most)."""

    def __init__(
        self, models: Sequence[type[Any]], among: Callable[[Any], Any], before: Sequence[Any] = ()
    ) -> None:
        """`among`: what joins the models' tables and says which rows; `before`: columns that a row
        begins with."""
        columns: list[Any] = [*before]
        joins: list[tuple[type[Any], Any]] = []
        self._parts = [_part(model, columns, joins) for model in models]

        def make() -> Any:
            theirs = [c.label(f"c{n}") for n, c in enumerate(columns[len(before) :])]
            query = among(select(*before, *theirs))
            for other, condition in joins:
                query = query.outerjoin(other, condition)
            return query

        self.statement = Prepared(make)

    def run(self, values: Mapping[str, Any], attach: bool = False) -> list[list[Any]]:
        """For each row the models' objects, None where there is none. `attach`: see `as_read`."""
        return [self.objects(row, attach) for row in self.statement.run(values)]

    def objects(self, row: Sequence[Any], attach: bool = False) -> list[Any]:
        """The same of one row that `statement` returned."""
        return [part.of(row, attach) for part in self._parts]


class Gathered:
    """All rows of a model that belong to a row of another table, as a value of that row."""

    column: Any
    """That value, for the statement around."""

    def __init__(self, model: Any, belong: ColumnElement[bool]) -> None:
        """`belong`: which belong to it. Raises TypeError for a model with a JSON column."""
        columns = model.__table__.columns
        self._model, self._names = model, _columns(model)
        reads = [_from_json(column.type) for column in columns]
        self._convert = [(place, read) for place, read in enumerate(reads) if read]
        told = [as_hex(c) if isinstance(c.type, LargeBinary) else c for c in columns]
        its_own = select(rows_as_json(*told)).where(belong).scalar_subquery()
        self.column = its_own.label(f"all_{model.__tablename__}")

    def objects(self, value: Sequence[Sequence[Any]] | None) -> list[Any]:
        """The objects, of what the column says."""
        rows = [converted(row, self._convert) for row in value or ()]
        return [as_read(self._model, dict(zip(self._names, row, strict=True))) for row in rows]


def _from_json(kind: Any) -> Convert | None:
    if isinstance(kind, type(JSON)):
        raise TypeError("a JSON column would come as text from SQLite")
    if isinstance(kind, LargeBinary):
        return bytes.fromhex
    if isinstance(kind, UTCDateTime):
        return read_moment
    return None


def _part(model: type[Any], columns: list[Any], joins: list[tuple[type[Any], Any]]) -> _Part:
    """Add what an object of the model is loaded with to the columns of a statement."""
    mapper, begin = inspect(model), len(columns)
    loaded = [one for one in mapper.column_attrs if not one.deferred]
    columns += [one.columns[0] for one in loaded]
    place = slice(begin, len(columns))
    joined = []
    for relation in mapper.relationships:
        if relation.lazy == "joined":
            joins.append((relation.mapper.class_, relation.primaryjoin))
            joined.append((relation.key, _part(relation.mapper.class_, columns, joins)))
    names = [one.key for one in loaded]
    return _Part(model, names, place, begin + names.index("session_id"), joined)

"""The names in a function's bytecode through which it reads objects outside the function."""

from __future__ import annotations

import dis
import functools
import types
from dataclasses import dataclass

# code that uses one of these names may read anything, so that its inputs cannot be described
UNTRACKABLE = {
    # any name
    "globals",
    "eval",
    "exec",
    "__import__",
    "import_module",
    "modules",
    # the environment
    "environ",
    "getenv",
    # files
    "open",
    "load",
    "loadtxt",
    "genfromtxt",
    "fromfile",
    "memmap",
    "read_text",
    "read_bytes",
    "read_file",
    "read_csv",
    "read_parquet",
    "read_json",
    "read_pickle",
    "read_excel",
    "load_weights",
    "load_model",
}


@dataclass(frozen=True)
class NamesRead:
    """The names that code and its nested code read from outside.

    Attributes
    ----------
    globals : list of str
        The sorted names of globals.
    imports : list of str
        The sorted names of imported modules.
    used : frozenset of str
        All names in the code: globals, attributes and methods.
    possible : frozenset of str
        All names that may be attributes of a module, including string constants as in
        ``getattr(module, "name")``.
    attributes : frozenset of str
        The names in `possible` that are not only names of globals.
    """

    globals: list[str]
    imports: list[str]
    used: frozenset[str]
    possible: frozenset[str]
    attributes: frozenset[str]


@functools.lru_cache(maxsize=2048)
def names_read(code: types.CodeType) -> NamesRead:
    """Read the bytecode of a function."""
    global_names: set[str] = set()
    imports: set[str] = set()
    attributes: set[str] = set()
    texts: set[str] = set()
    other: set[str] = set()
    for part in _with_nested(code):
        attributes.update(part.co_names)
        texts.update(c for c in part.co_consts if isinstance(c, str) and c.isidentifier())
        for instruction in dis.get_instructions(part):
            if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
                global_names.add(instruction.argval)
            elif instruction.opname == "IMPORT_NAME":
                imports.add(instruction.argval)
            elif instruction.opcode in dis.hasname:
                other.add(instruction.argval)
    return NamesRead(
        globals=sorted(global_names),
        imports=sorted(imports),
        used=frozenset(attributes | global_names),
        possible=frozenset(attributes | texts),
        attributes=frozenset(other | texts),
    )


def _with_nested(code: types.CodeType) -> list[types.CodeType]:
    nested = [const for const in code.co_consts if isinstance(const, types.CodeType)]
    return [code, *(part for inner in nested for part in _with_nested(inner))]

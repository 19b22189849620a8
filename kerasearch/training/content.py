"""Description of objects by content, as tokens.

Two objects have equal tokens only if code that reads them computes the same. This module describes
plain values, containers, arrays, tensors, Keras variables, classes, functions with their globals
and closures, and instances by their attributes.
"""

from __future__ import annotations

import copyreg
import enum
import functools
import hashlib
import sys
import types
from collections.abc import Collection
from typing import Any

import keras
import numpy as np

# The graph of a functional model has nodes, whose class has no public name. Only the operation,
# arguments and outputs of a node are read. Checked with Keras 3.10 to 3.15.
from keras.src.ops.node import Node

from . import trusted_modules
from .code_reading import UNTRACKABLE, NamesRead, names_read
from .keras_bookkeeping import bookkeeping, has_counted_name, layers_go_by_name
from .serialization import to_numpy
from .thread_generators import is_generator_of_process
from .trusted_libraries import (
    FRAMEWORKS,
    is_found_under,
    is_framework_class,
    is_library_class,
    is_trusted,
    package_of,
)

# attributes of a class that do not change computations
_CLASS_BOOKKEEPING = {
    "__doc__",
    "__module__",
    "__qualname__",
    "__dict__",
    "__weakref__",
    "__annotations__",
    "__static_attributes__",
    "__firstlineno__",
    "__abstractmethods__",
    "_abc_impl",
    "__orig_bases__",
    "__parameters__",
    "__slots__",
    "__annotate_func__",
    "__annotations_cache__",
}
# base classes that add no content to an instance
_PLAIN_BASES = {"object", "ABC", "Generic", "Protocol"}
_CACHED_FUNCTION = type(functools.lru_cache(lambda: None))


class NotFingerprintable(Exception):
    """Raised for an object without a description by content; the message names the object."""


class ContentDescription:
    """A description of objects as tokens.

    Two descriptions are equal only if code that reads the objects computes the same.

    Parameters
    ----------
    by_value : bool, default=False
        Whether the description includes the values of Keras variables.
    refused : collection of str
        Names that code must not use, in addition to `UNTRACKABLE`.

    Attributes
    ----------
    tensors : list
        The constant tensors that were described, and lookup tables with their handles.
    variables : list of keras.Variable
        The Keras variables that were described.
    """

    def __init__(self, by_value: bool = False, refused: Collection[str] = ()) -> None:
        self.tensors: list[Any] = []
        self.variables: list[keras.Variable] = []
        self._by_value = by_value
        self._refused = UNTRACKABLE | set(refused)
        self._tokens: list[str] = []
        self._seen: dict[Any, int] = {}
        self._libraries_read: set[tuple[str, frozenset[str]]] = set()
        self._alive: list[Any] = []  # keeps objects alive, so that their ids stay unique
        self._path: list[int] = []
        self._only_loss: keras.losses.Loss | None = None
        self._layers_go_by_name = True
        self._owner_is_trusted = True

    def add(self, *values: Any) -> None:
        """Describe objects of any kind."""
        for value in values:
            self._add(value)

    def add_model(self, model: keras.Model, skip: Collection[str] = ()) -> None:
        """Describe a model without the attributes in `skip`."""
        if self._is_new(model):
            # the name of a single loss does not matter; names of several losses are in the history
            loss = getattr(model, "loss", None)
            self._only_loss = loss if isinstance(loss, keras.losses.Loss) else None
            self._layers_go_by_name = layers_go_by_name(model)
            self._add_class(type(model))
            self._add_attributes(model, skip)

    def digest(self) -> str:
        """Compute the digest of all added objects; it is the same in every process."""
        return hashlib.sha256("\0".join(self._tokens).encode()).hexdigest()

    # ------------------------------------------------------- one method for each kind of object

    def _add(self, value: Any) -> None:
        kind = type(value)
        if value is None or kind in (bool, int, float, complex, str, type(...)):
            self._tokens.append(repr(value))
        elif kind is bytes:
            self._tokens.append(f"bytes {hashlib.sha256(value).hexdigest()}")
        elif isinstance(value, keras.Variable):
            self._add_variable(value)
        elif isinstance(value, keras.KerasTensor):
            if self._is_new(value):
                self.add(value.shape, value.dtype, value.sparse, getattr(value, "ragged", False))
        elif isinstance(value, enum.Enum):
            self.add(kind.__module__, kind.__qualname__, value.name, value.value)
        elif isinstance(value, (dict, list, tuple, set, frozenset)):
            self._add_container(value)
        elif isinstance(value, (np.ndarray, np.generic)):
            self._add_array(value)
        elif isinstance(value, type):
            self._add_class(value)
        elif isinstance(value, types.ModuleType):
            self._tokens.append(f"module {value.__name__}")
        elif isinstance(value, types.CodeType):
            self._add_code(value)
        elif isinstance(value, (types.FunctionType, types.BuiltinFunctionType, np.ufunc)):
            self._add_function(value)
        elif _is_function_of_jax(value):
            self._add_function_of_jax(value)
        elif isinstance(value, types.MethodType):
            self.add("method", value.__func__, value.__self__)
        elif _is_tensor(value):
            self._add_tensor(value)
        elif is_table(value):
            self._add_table(value)
        else:
            self._add_instance(value)

    def _add_variable(self, variable: keras.Variable) -> None:
        """Describe a variable; without `by_value`, its value is not included."""
        if self._is_new(variable):
            self.variables.append(variable)
            if self._by_value:
                self._add_array(to_numpy(variable))
            # `_autocast` has no public name; checked with Keras 3.10 to 3.15
            self.add("variable", tuple(variable.shape), str(variable.dtype), variable.trainable)
            self.add(variable.regularizer, variable.constraint, variable._autocast)
            self.add(variable.aggregation, getattr(variable, "overwrite_with_gradient", False))

    def _add_container(self, value: Any) -> None:
        if id(value) in self._path:
            self._tokens.append(f"cycle {len(self._path) - self._path.index(id(value))}")
            return
        self._path.append(id(value))
        if isinstance(value, dict):
            self._tokens.append(f"dict {len(value)}")
            for key, item in value.items():
                self.add(key, item)
        elif isinstance(value, (set, frozenset)):
            if not all(isinstance(item, (str, int, float, bytes, tuple)) for item in value):
                kinds = sorted({type(item).__name__ for item in value})
                raise NotFingerprintable(f"a set of {kinds}")
            self.add("set", sorted(value, key=repr))
        else:
            self._tokens.append(f"{'tuple' if isinstance(value, tuple) else 'list'} {len(value)}")
            self.add(*value)
        self._path.pop()
        if not is_trusted(type(value).__module__):
            self._add_class(type(value))
            self._add_attributes(value)

    def _add_array(self, value: np.ndarray | np.generic) -> None:
        array = np.asarray(value)
        self.add("array", array.dtype.str, array.shape)
        self.add(array.tolist() if array.dtype.hasobject else array.tobytes())

    def _add_tensor(self, tensor: Any) -> None:
        if hasattr(tensor, "assign"):
            raise NotFingerprintable("a variable of TensorFlow's, which the model does not list")
        try:
            self._add_array(np.asarray(tensor))
            self.tensors.append(tensor)
        except Exception as error:  # a resource, a key, or a symbolic tensor
            raise NotFingerprintable(f"a tensor of dtype {tensor.dtype}") from error

    def _add_table(self, table: Any) -> None:
        if not isinstance(table, _static_table()):
            raise NotFingerprintable("a lookup table that may change")
        if self._is_new(table):
            self.add("table", str(table.key_dtype), str(table.value_dtype))
            self.add(entries_of_table(table), table.default_value)
            # a program refers to the handle, which is valid only while the table exists
            self.tensors += [table.resource_handle, table]

    def _add_class(self, cls: type) -> None:
        self._tokens.append(f"class {cls.__module__}.{cls.__qualname__}")
        if is_library_class(cls) or not self._is_new(cls):
            return
        for base in cls.__mro__:
            if is_library_class(base):
                self._tokens.append(f"base {base.__module__}.{base.__qualname__}")
                continue
            for name, member in sorted(vars(base).items()):
                if name not in _CLASS_BOOKKEEPING:
                    self._tokens.append(name)
                    self._add_member(member)

    def _add_member(self, member: Any) -> None:
        """Add an entry of a class; a descriptor is described by the function that it wraps."""
        if isinstance(member, (staticmethod, classmethod)):
            self.add(type(member).__name__, member.__func__)
        elif isinstance(member, property):
            self.add("property", member.fget, member.fset)
        elif isinstance(member, functools.cached_property):
            self.add("property", member.func)
        elif isinstance(member, (types.MemberDescriptorType, types.GetSetDescriptorType)):
            self._tokens.append("slot")
        else:
            self.add(member)

    def _add_function(self, function: Any) -> None:
        module = getattr(function, "__module__", None) or ""
        name = getattr(function, "__qualname__", getattr(function, "__name__", ""))
        owner = getattr(function, "__self__", None)
        if isinstance(owner, types.ModuleType):
            owner = None
        if isinstance(function, np.ufunc) or (
            owner is None and is_trusted(module) and is_found_under(function, module, name)
        ):
            self._check_is_the_same(module, name)
            self._tokens.append(f"function {module}.{name}")
            return
        if is_generator_of_process(function):
            raise NotFingerprintable(f"{name}, a function that draws for the process")
        if not isinstance(function, types.FunctionType):
            if owner is None:
                raise NotFingerprintable(f"the compiled function {name}")
            self.add("builtin method", name, owner)
        elif self._is_new(function):
            self.add("function", function.__code__, function.__defaults__, function.__kwdefaults__)
            reads = names_read(function.__code__)
            for cell in function.__closure__ or ():
                try:
                    self._add_global(cell.cell_contents, reads)
                except ValueError:  # the cell is empty
                    self._tokens.append("empty cell")
            self.add(vars(function))
            self._add_globals(function)

    def _add_function_of_jax(self, function: Any) -> None:
        """Add a function that ``jax.jit`` or a similar function has wrapped."""
        module, name = getattr(function, "__module__", None) or "", function.__name__
        if is_trusted(module) and is_found_under(function, module, name):
            self._tokens.append(f"function {module}.{name}")
        elif self._is_new(function):
            self._add_class(type(function))
            # the attributes have all settings; without attributes, use the wrapped function
            self.add(vars(function) or function.__wrapped__)

    def _add_globals(self, function: types.FunctionType) -> None:
        reads = names_read(function.__code__)
        refused = sorted(reads.used & self._refused)
        if refused:
            raise NotFingerprintable(f"{function.__qualname__}, which uses {refused[0]}")
        for name in reads.globals:
            if name in function.__globals__:
                self._tokens.append(name)
                self._add_global(function.__globals__[name], reads)
            else:
                self._add_builtin(name)
        for name in reads.imports:
            module = sys.modules.get(name)
            if module is not None:
                self._add_global(module, reads)

    def _add_global(self, value: Any, reads: NamesRead) -> None:
        """Add the value of a global; for a user's module, add all values that may be read."""
        if trusted_modules.reads_clock(value, reads.attributes):
            raise NotFingerprintable("code that reads the clock by datetime")
        if not isinstance(value, types.ModuleType):
            self.add(value)
        elif is_trusted(value.__name__):
            self.add(value)
            self._add_read_of_library(value, reads.attributes)
        elif self._is_new((value, reads.possible)):
            self._tokens.append(f"module {value.__name__}")
            for name in sorted(reads.possible & vars(value).keys()):
                self._tokens.append(name)
                self._add_global(vars(value)[name], reads)

    def _add_read_of_library(self, module: types.ModuleType, names: frozenset[str]) -> None:
        """Add the values of a library's module that are read and may differ between runs."""
        if (module.__name__, names) in self._libraries_read:
            return
        self._libraries_read.add((module.__name__, names))
        for name in sorted(names & vars(module).keys()):
            value = vars(module)[name]
            if trusted_modules.draws(value, names):
                if self._by_value:  # otherwise, draws of a model are noticed in the trace
                    raise NotFingerprintable(f"code that draws by {module.__name__}.{name}")
            elif trusted_modules.is_to_describe(name, value):
                self._tokens.append(f"{module.__name__}.{name}")
                self.add(value)
            elif callable(value):
                self._check_is_the_same(module.__name__, name)
            elif isinstance(value, types.ModuleType) and trusted_modules.may_change(value):
                self._add_read_of_library(value, names)  # a submodule such as os.path

    def _add_builtin(self, name: str) -> None:
        value = trusted_modules.builtin(name)
        if value is None:
            return
        if trusted_modules.is_of_python(name, value):
            self._check_is_the_same("builtins", name)
        else:
            self._tokens.append(f"builtin {name}")
            self.add(value)

    def _check_is_the_same(self, module: str, name: str) -> None:
        changes = trusted_modules.why_not_the_same(module, name)
        if changes is not None:
            raise NotFingerprintable(f"code that reads {changes}, another in each run")

    def _add_code(self, code: types.CodeType) -> None:
        self.add("code", code.co_code, code.co_exceptiontable, code.co_flags, code.co_argcount)
        self.add(code.co_posonlyargcount, code.co_kwonlyargcount, code.co_names, code.co_varnames)
        self.add(code.co_freevars, code.co_cellvars, code.co_consts)

    def _add_instance(self, value: Any) -> None:
        if not self._is_new(value):
            return
        cls = type(value)
        package = package_of(cls)
        if is_generator_of_process(value):
            raise NotFingerprintable("a generator of random numbers of the process")
        if isinstance(value, functools.partial):
            self.add("partial", value.func, value.args, value.keywords)
        elif isinstance(value, Node):
            self.add("node", value.operation, value.arguments.args, value.arguments.kwargs)
            self.add(value.outputs)
        elif package == "tensorflow" and hasattr(value, "python_function"):
            self.add("tf.function", value.python_function, getattr(value, "_jit_compile", None))
        elif isinstance(value, _CACHED_FUNCTION):
            self.add("cached", value.__wrapped__)
        elif package in FRAMEWORKS and hasattr(value, "__dict__"):
            self._add_class(cls)
            self._add_attributes(value)
        elif is_trusted(cls.__module__):
            self._add_reduced(value)
        else:
            self._add_user_instance(value)

    def _add_user_instance(self, value: Any) -> None:
        cls = type(value)
        hidden = [
            base.__name__
            for base in cls.__mro__
            if is_trusted(base.__module__)
            and package_of(base) not in FRAMEWORKS
            and base.__name__ not in _PLAIN_BASES
        ]
        if hidden:
            raise NotFingerprintable(f"an instance of {cls.__name__}, which is a {hidden[0]}")
        self._add_class(cls)
        self._add_attributes(value)

    def _add_reduced(self, value: Any) -> None:
        """Add an object of the standard library or of NumPy, by the parts that pickle saves."""
        try:
            reduce = copyreg.dispatch_table.get(type(value))
            reduced = reduce(value) if reduce is not None else value.__reduce_ex__(2)
        except Exception as error:
            cls = type(value)
            raise NotFingerprintable(f"a {cls.__module__}.{cls.__name__}") from error
        self._alive.append(reduced)
        if isinstance(reduced, str):
            self.add(type(value).__module__, reduced)
            return
        self.add("reduced", *reduced[:3])
        self.add(*(list(part) if part is not None else None for part in reduced[3:5]))

    def _add_attributes(self, value: Any, skip: Collection[str] = ()) -> None:
        attributes = dict(getattr(value, "__dict__", {}))
        cls: Any = type(value)
        for name in _slots(cls):
            if hasattr(value, name):
                attributes.setdefault(name, getattr(value, name))
        framework = is_framework_class(cls)
        skipped = set(skip)
        if isinstance(value, keras.initializers.Initializer) and self._owner_is_trusted:
            # The seed differs in each layer, and Keras' layers use it only before training.
            skipped.add("seed")
        if self._is_mere_label(value):
            skipped.add("name")
        owner, self._owner_is_trusted = self._owner_is_trusted, is_trusted(cls.__module__)
        names = attributes.keys() - bookkeeping(cls) if framework else attributes.keys()
        for name in sorted(names - skipped if skipped else names):
            if not (framework and name.startswith("_self_")):
                self._tokens.append(name)
                self._add(attributes[name])
        self._owner_is_trusted = owner

    def _is_mere_label(self, value: Any) -> bool:
        """Tell whether the name of `value` has no effect.

        Keras gives unnamed objects numbered names, which differ between fits.
        """
        cls: Any = type(value)
        if isinstance(value, keras.optimizers.Optimizer) or value is self._only_loss:
            return is_library_class(cls) or has_counted_name(value)
        if isinstance(value, keras.Operation) and not self._layers_go_by_name:
            return is_library_class(cls) and has_counted_name(value)
        return False

    def _is_new(self, value: Any) -> bool:
        """Tell whether `value` is new; otherwise add a reference to its first description."""
        key = (id(value[0]), value[1]) if isinstance(value, tuple) else id(value)
        if key in self._seen:
            self._tokens.append(f"again {self._seen[key]}")
            return False
        self._tokens.append(f"new {len(self._seen)}")
        self._seen[key] = len(self._seen)
        self._alive.append(value)
        return True


@functools.lru_cache(maxsize=4096)
def _slots(cls: type) -> tuple[str, ...]:
    """List the names of attributes in the slots of a class."""
    found: list[str] = []
    for base in cls.__mro__:
        slots = vars(base).get("__slots__", ())
        found += (slots,) if isinstance(slots, str) else slots
    return tuple(found)


def is_table(value: Any) -> bool:
    """Tell whether a value is a lookup table of TensorFlow."""
    is_tensorflow = type(value).__module__.startswith("tensorflow.")
    return is_tensorflow and hasattr(value, "export") and hasattr(value, "key_dtype")


def entries_of_table(table: Any) -> list[tuple[Any, Any]]:
    """List the keys and values of a lookup table in a fixed order."""
    keys, values = (part.numpy().tolist() for part in table.export())
    return sorted(zip(keys, values, strict=True), key=repr)


def _static_table() -> Any:
    import tensorflow as tf  # imported here, because other backends do not need it

    return tf.lookup.StaticHashTable


def _is_tensor(value: Any) -> bool:
    if package_of(type(value)) in ("jax", "jaxlib"):
        return hasattr(value, "addressable_shards")  # an array, possibly traced
    return type(value).__module__.startswith("tensorflow.") and hasattr(value, "numpy")


def _is_function_of_jax(value: Any) -> bool:
    is_jax = package_of(type(value)) in ("jax", "jaxlib")
    return is_jax and callable(value) and hasattr(value, "__name__")

"""When are two models the same program? When all that the traced Python code can read is equal.

A trace runs Keras' ``train_step`` once, in Python, and keeps what it did to the variables. So its
result follows from the Python objects it can reach: the attributes of layers, losses, metrics and
optimizer, the bytecode, defaults and closures of functions, the globals that they name. All of it
is described here by content, as a stream of tokens, and digested. The *values* of Keras variables
are no part of it: a program is given the variables when it runs.

What cannot be described (a lock, a lookup table, a raw ``tf.Variable``) raises `Undescribable`,
and the model shares its program with nobody.
"""

from __future__ import annotations

import copyreg
import dis
import enum
import functools
import hashlib
import os
import platform
import re
import sys
import sysconfig
import types
from collections.abc import Collection
from typing import Any, NamedTuple

import keras
import numpy as np
from keras.src.backend.common import global_state
from keras.src.models.functional import Functional
from keras.src.utils import naming

from .serialization import to_numpy

# Libraries whose functions and classes are what their name says; anybody else's are described by
# content, because in a notebook the same name is a different function a cell later.
_FRAMEWORKS = {"keras", "tensorflow"}
_LIBRARIES = _FRAMEWORKS | {"numpy", "ml_dtypes", "scipy", "pandas", "sklearn", "wrapt", "optree"}
_TRUSTED = _LIBRARIES | set(sys.stdlib_module_names)

# What `compile` leaves on a model. Prediction does not read it.
_COMPILED = {"optimizer", "loss", "_compile_loss", "_compile_metrics", "_loss_tracker"}

# Bookkeeping of Keras and TensorFlow that no forward or backward pass reads, by the class that
# keeps it: a user's layer may well have a `history` of its own, which its code does read.
_BOOKKEEPING: dict[type, set[str]] = {
    object: {"_tracker"},
    keras.Operation: {
        *("_tracked", "_auto_config", "_lock", "_path", "_parent_path", "_called"),
        *("_inbound_nodes", "_outbound_nodes", "_losses", "_loss_ids", "_losses_override"),
        *("_build_shapes_dict", "build", "quantize", "_call_signature"),
        *("_saved_model_inputs_spec", "_saved_model_arg_spec"),
        *("_dropout_mask", "_recurrent_dropout_mask"),
    },
    keras.Model: {
        *("train_function", "test_function", "predict_function", "history", "stop_training"),
        *("stop_evaluating", "stop_predicting", "_initial_epoch", "_eval_epoch_iterator"),
        *("_compile_config", "_compiled_trainable_state", "_kerasearch"),
        *("_nodes", "_operations_by_depth", "_distribute_strategy"),
    },
    # which layers these are, the graph tells
    Functional: {"input_names", "output_names"},
    keras.optimizers.Optimizer: {
        *("_lock", "_trainable_variables_indices", "_distribution_strategy"),
        "_exclude_from_weight_decay_cache",
    },
}
_ALL_BOOKKEEPING = {name for names in _BOOKKEEPING.values() for name in names}
_CLASS_BOOKKEEPING = {
    *("__doc__", "__module__", "__qualname__", "__dict__", "__weakref__", "__annotations__"),
    *("__static_attributes__", "__firstlineno__", "__abstractmethods__", "_abc_impl"),
    *("__orig_bases__", "__parameters__", "__slots__", "__annotate_func__"),
    "__annotations_cache__",
}
# bases that add no content of their own to an instance
_CACHED = type(functools.lru_cache(lambda: None))
_PLAIN_BASES = {"object", "ABC", "Generic", "Protocol"}
# code that uses one of these may read anything
_BLIND = {
    *("globals", "eval", "exec", "open", "environ", "getenv", "__import__", "import_module"),
    "modules",
    *("load", "loadtxt", "genfromtxt", "fromfile", "memmap", "read_text", "read_bytes"),
    *("read_file", "read_csv", "read_parquet", "read_json", "read_pickle", "read_excel"),
    *("load_weights", "load_model"),
}
# variables of the process that change the numbers
_SWITCHES = ("TF_ENABLE_ONEDNN_OPTS", "XLA_FLAGS", "TF_XLA_FLAGS")


class Undescribable(Exception):
    """Raised for what has no description by content; the message says what it is."""


class Signature(NamedTuple):
    """A digest by content, the same in every process; and the constant tensors that it covers.

    Of the Keras variables that it came across it covers shape and kind, not the values.
    """

    digest: str
    tensors: list[Any]
    variables: list[keras.Variable]


def of_network(model: keras.Model) -> Signature:
    """Describe what a prediction reads."""
    return _of(model, skip=_COMPILED)


def of_training(model: keras.Model) -> Signature:
    """Describe what training and evaluation read."""
    return _of(model)


def of_values(*values: Any, refused: Collection[str] = ()) -> str:
    """Digest what values are by content, callbacks for example; the same in every process.

    The values of variables count. Code that uses one of the `refused` names is `Undescribable`.
    """
    description = _Description(by_value=True, refused=refused)
    description.add(*values)
    return description.digest()


def _of(model: keras.Model, skip: Collection[str] = ()) -> Signature:
    description = _Description()
    description.add_environment()
    description.add_model(model, skip)
    return Signature(description.digest(), description.tensors, description.variables)


class _Description:
    """Tokens that are equal for two objects only if code that reads them does the same."""

    def __init__(self, by_value: bool = False, refused: Collection[str] = ()) -> None:
        self.tensors: list[Any] = []
        self.variables: list[keras.Variable] = []
        self._by_value = by_value
        self._blind = _BLIND | set(refused)
        self._tokens: list[str] = []
        self._seen: dict[Any, int] = {}
        self._alive: list[Any] = []  # an id is good only while its object lives
        self._path: list[int] = []
        self._only_loss: keras.losses.Loss | None = None
        self._layers_go_by_name = True
        self._owner_is_trusted = True

    def digest(self) -> str:
        return hashlib.sha256("\0".join(self._tokens).encode()).hexdigest()

    def add_environment(self) -> None:
        """What Keras reads from the process while it traces."""
        self.add(platform.python_version(), keras.version(), keras.backend.backend())
        self.add(keras.config.floatx(), keras.config.epsilon(), keras.config.image_data_format())
        self.add(keras.config.dtype_policy().name)
        for name in ("flash_attention", "remat_scope_stack", "autocast_scope", "distribution"):
            self.add(repr(global_state.get_global_attribute(name)))
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf
            from tensorflow.python.framework.config import is_op_determinism_enabled

            self.add(tf.__version__, is_op_determinism_enabled())
            self.add(tf.config.functions_run_eagerly(), tf.config.optimizer.get_jit())
            self.add(sorted(tf.config.optimizer.get_experimental_options().items()))
            self.add([os.environ.get(name) for name in _SWITCHES])
            self.add([device.name for device in tf.config.list_logical_devices()])

    def add_model(self, model: keras.Model, skip: Collection[str] = ()) -> None:
        if self._is_new(model):
            loss = getattr(model, "loss", None)  # among several, names are the history's columns
            self._only_loss = loss if isinstance(loss, keras.losses.Loss) else None
            self._layers_go_by_name = _layers_go_by_name(model)
            self._add_class(type(model))
            self._add_attributes(model, skip)

    def add(self, *values: Any) -> None:
        for value in values:
            self._add(value)

    # ------------------------------------------------------- one kind of thing each

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
        elif isinstance(value, types.MethodType):
            self.add("method", value.__func__, value.__self__)
        elif _is_tensor(value):
            self._add_tensor(value)
        else:
            self._add_instance(value)

    def _add_variable(self, variable: keras.Variable) -> None:
        """What the optimizer reads of a variable; not its value, which moves with training."""
        if self._is_new(variable):
            self.variables.append(variable)
            if self._by_value:
                self._add_array(to_numpy(variable))
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
                raise Undescribable(f"a set of {sorted({type(item).__name__ for item in value})}")
            self.add("set", sorted(value, key=repr))
        else:
            self._tokens.append(f"{'tuple' if isinstance(value, tuple) else 'list'} {len(value)}")
            self.add(*value)
        self._path.pop()
        if not _is_trusted(type(value).__module__):
            self._add_class(type(value))
            self._add_attributes(value)

    def _add_array(self, value: np.ndarray | np.generic) -> None:
        array = np.asarray(value)
        self.add("array", array.dtype.str, array.shape)
        self.add(array.tolist() if array.dtype.hasobject else array.tobytes())

    def _add_tensor(self, tensor: Any) -> None:
        if hasattr(tensor, "assign"):
            raise Undescribable("a variable of TensorFlow's, which the model does not list")
        try:
            self._add_array(tensor.numpy())
            self.tensors.append(tensor)
        except Exception as error:  # a resource, a variant, or a tensor of some graph
            raise Undescribable(f"a tensor of dtype {tensor.dtype}") from error

    def _add_class(self, cls: type) -> None:
        self._tokens.append(f"class {cls.__module__}.{cls.__qualname__}")
        if _is_library_class(cls) or not self._is_new(cls):
            return
        for base in cls.__mro__:
            if _is_library_class(base):
                self._tokens.append(f"base {base.__module__}.{base.__qualname__}")
                continue
            for name, member in sorted(vars(base).items()):
                if name not in _CLASS_BOOKKEEPING:
                    self._tokens.append(name)
                    self._add_member(member)

    def _add_member(self, member: Any) -> None:
        """Add an entry of a class: descriptors stand for the functions they wrap."""
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
            owner is None and _is_trusted(module) and _is_found(function, module, name)
        ):
            self._tokens.append(f"function {module}.{name}")
            return
        if not isinstance(function, types.FunctionType):
            if owner is None:
                raise Undescribable(f"the compiled function {name}")
            self.add("builtin method", name, owner)
        elif self._is_new(function):
            self.add("function", function.__code__, function.__defaults__, function.__kwdefaults__)
            for cell in function.__closure__ or ():
                try:
                    self.add(cell.cell_contents)
                except ValueError:  # not filled yet
                    self._tokens.append("empty cell")
            self.add(vars(function))
            self._add_globals(function)

    def _add_globals(self, function: types.FunctionType) -> None:
        reads = _reads(function.__code__)
        blind = sorted(reads.used & self._blind)
        if blind:
            raise Undescribable(f"{function.__qualname__}, which uses {blind[0]}")
        for name in reads.globals:
            if name in function.__globals__:
                self._tokens.append(name)
                self._add_global(function.__globals__[name], reads.names)
        for name in reads.imports:
            module = sys.modules.get(name)
            if module is not None:
                self._add_global(module, reads.names)

    def _add_global(self, value: Any, names: frozenset[str]) -> None:
        """Add what a function finds under a global; of a user's module, what it may read there."""
        if not isinstance(value, types.ModuleType) or _is_trusted(value.__name__):
            self.add(value)
        elif self._is_new((value, names)):
            self._tokens.append(f"module {value.__name__}")
            for name in sorted(names & vars(value).keys()):
                self._tokens.append(name)
                self._add_global(vars(value)[name], names)

    def _add_code(self, code: types.CodeType) -> None:
        self.add("code", code.co_code, code.co_exceptiontable, code.co_flags, code.co_argcount)
        self.add(code.co_posonlyargcount, code.co_kwonlyargcount, code.co_names, code.co_varnames)
        self.add(code.co_freevars, code.co_cellvars, code.co_consts)

    def _add_instance(self, value: Any) -> None:
        cls = type(value)
        root = cls.__module__.partition(".")[0]
        if not self._is_new(value):
            return
        if isinstance(value, functools.partial):
            self.add("partial", value.func, value.args, value.keywords)
        elif isinstance(value, keras.src.ops.node.Node):
            self.add("node", value.operation, value.arguments.args, value.arguments.kwargs)
            self.add(value.outputs)
        elif root == "tensorflow" and hasattr(value, "python_function"):
            self.add("tf.function", value.python_function, getattr(value, "_jit_compile", None))
        elif isinstance(value, _CACHED):
            self.add("cached", value.__wrapped__)
        elif root in _FRAMEWORKS and hasattr(value, "__dict__"):
            self._add_class(cls)
            self._add_attributes(value)
        elif _is_trusted(cls.__module__):
            self._add_reduced(value)
        else:
            self._add_user_instance(value)

    def _add_user_instance(self, value: Any) -> None:
        cls = type(value)
        hidden = [
            base.__name__
            for base in cls.__mro__
            if _is_trusted(base.__module__)
            and base.__module__.partition(".")[0] not in _FRAMEWORKS
            and base.__name__ not in _PLAIN_BASES
        ]
        if hidden:
            raise Undescribable(f"an instance of {cls.__name__}, which is a {hidden[0]}")
        self._add_class(cls)
        self._add_attributes(value)

    def _add_reduced(self, value: Any) -> None:
        """Add an object of the standard library, or of NumPy, as pickle would take it apart."""
        try:
            reduce = copyreg.dispatch_table.get(type(value))
            reduced = reduce(value) if reduce is not None else value.__reduce_ex__(2)
        except Exception as error:
            raise Undescribable(f"a {type(value).__module__}.{type(value).__name__}") from error
        self._alive.append(reduced)
        if isinstance(reduced, str):
            self.add(type(value).__module__, reduced)
            return
        self.add("reduced", *reduced[:3])
        self.add(*(list(part) if part is not None else None for part in reduced[3:5]))

    def _add_attributes(self, value: Any, skip: Collection[str] = ()) -> None:
        attributes = dict(getattr(value, "__dict__", {}))
        for base in type(value).__mro__:
            slots = vars(base).get("__slots__", ())
            for name in (slots,) if isinstance(slots, str) else slots:
                if hasattr(value, name):
                    attributes.setdefault(name, getattr(value, name))
        framework = any(
            base.__module__.partition(".")[0] in _FRAMEWORKS for base in type(value).__mro__
        )
        cls: Any = type(value)
        skipped = {*skip, *(_bookkeeping(cls) if framework else ())}
        if isinstance(value, keras.initializers.Initializer) and self._owner_is_trusted:
            # drawn anew for each layer; Keras' own layers call it before training alone
            skipped.add("seed")
        if self._is_mere_label(value):
            skipped.add("name")
        owner, self._owner_is_trusted = self._owner_is_trusted, _is_trusted(type(value).__module__)
        for name in sorted(attributes.keys() - skipped):
            if not (framework and name.startswith("_self_")):
                self._tokens.append(name)
                self.add(attributes[name])
        self._owner_is_trusted = owner

    def _is_mere_label(self, value: Any) -> bool:
        """Tell whether nothing is told apart by the name of `value`.

        The process counts through the names of what was given none.
        """
        cls: Any = type(value)
        if isinstance(value, keras.optimizers.Optimizer) or value is self._only_loss:
            return _is_library_class(cls) or _has_counted_name(value)
        if isinstance(value, keras.Operation) and not self._layers_go_by_name:
            return _is_library_class(cls) and _has_counted_name(value)
        return False

    def _is_new(self, value: Any) -> bool:
        """Tell whether `value` comes up for the first time; refer to it otherwise."""
        key = (id(value[0]), value[1]) if isinstance(value, tuple) else id(value)
        if key in self._seen:
            self._tokens.append(f"again {self._seen[key]}")
            return False
        self._tokens.append(f"new {len(self._seen)}")
        self._seen[key] = len(self._seen)
        self._alive.append(value)
        return True


def _is_trusted(module: str | None) -> bool:
    return _is_trusted_root((module or "").partition(".")[0])


@functools.cache
def _is_trusted_root(root: str) -> bool:
    """Tell whether a package is what its name says, not a user's file of the same name."""
    if root not in sys.stdlib_module_names:
        return root in _LIBRARIES
    file = getattr(sys.modules.get(root), "__file__", None)
    return file is None or file.startswith(sysconfig.get_path("stdlib"))


def _is_found(value: Any, module: str, name: str) -> bool:
    """Tell whether a library has `value` under its name; functools.wraps copies names."""
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found is value


@functools.lru_cache(maxsize=4096)
def _is_library_class(cls: type) -> bool:
    """Tell whether a class is a library's, whatever it says of itself."""
    if not _is_trusted(cls.__module__):
        return False
    return "<locals>" in cls.__qualname__ or _is_found(cls, cls.__module__, cls.__qualname__)


@functools.lru_cache(maxsize=4096)
def _bookkeeping(cls: type) -> set[str]:
    """The attributes of a framework's class, or of one derived from it, that are bookkeeping."""
    if _is_library_class(cls):
        return _ALL_BOOKKEEPING
    return {n for owner, names in _BOOKKEEPING.items() if issubclass(cls, owner) for n in names}


def _layers_go_by_name(model: keras.Model) -> bool:
    """Tell whether names of layers that the user gave none may matter all the same.

    Among several outputs, they are names of the history's columns; and an optimizer may be told by
    name what not to decay.
    """
    optimizer = getattr(model, "optimizer", None)
    names = getattr(model, "output_names", None) or []
    return len(names) > 1 or bool(getattr(optimizer, "_exclude_from_weight_decay_pattern", None))


def _has_counted_name(value: Any) -> bool:
    """Tell whether Keras gave an object its name: that of its class, and a number."""
    name = naming.to_snake_case(type(value).__name__)
    return re.fullmatch(rf"{name}(_\d+)?", value.name) is not None


def _is_tensor(value: Any) -> bool:
    return type(value).__module__.startswith("tensorflow.") and hasattr(value, "numpy")


class _Reads:
    """The names that a piece of code reads from outside itself."""

    def __init__(self) -> None:
        self.globals: list[str] = []
        self.imports: list[str] = []
        self.names: frozenset[str] = frozenset()
        self.used: frozenset[str] = frozenset()


@functools.lru_cache(maxsize=2048)
def _reads(code: types.CodeType) -> _Reads:
    reads = _Reads()
    found: set[str] = set()
    imports: set[str] = set()
    used: set[str] = set()
    names: set[str] = set()
    for part in _nested(code):
        used.update(part.co_names)
        # a module's attribute may also be found by a text: getattr(module, "name")
        names.update(c for c in part.co_consts if isinstance(c, str) and c.isidentifier())
        for instruction in dis.get_instructions(part):
            if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
                found.add(instruction.argval)
            elif instruction.opname == "IMPORT_NAME":
                imports.add(instruction.argval)
    reads.globals, reads.imports = sorted(found), sorted(imports)
    reads.used = frozenset(used | found)
    reads.names = frozenset(used | names)
    return reads


def _nested(code: types.CodeType) -> list[types.CodeType]:
    inner = [_nested(const) for const in code.co_consts if isinstance(const, types.CodeType)]
    return [code, *(part for parts in inner for part in parts)]

"""The pages of the reference: one for each public class, one for the functions of each package.

What is public is what the packages list in ``__all__``; how it is grouped follows from the
packages, their modules and what the parts say of themselves. Nothing is listed here by name but
the order of the packages.
"""

from __future__ import annotations

import functools
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from numpydoc.docscrape import ClassDoc
from sphinx.pycode import ModuleAnalyzer

import annlib
from annlib.core.config import Configurable
from annlib.core.registry import FAMILIES
from annlib.formulas.lookup import WITH_FORMULAS

#: In which order they are shown; one that is missing comes after these.
ORDER = (
    *("models", "layers", "activations", "initializers", "regularizers", "constraints"),
    *("losses", "metrics", "optimizers", "schedules", "callbacks", "estimators", "data"),
    *("datasets", "tools", "plots", "formulas", "tracing", "export", "parallel", "testing"),
    *("reference", "config", "utils", "backend"),
)
#: The attribute of a part by which a large family is grouped, where modules do not say it.
GROUPED_BY = {"layers": "group", "losses": "task"}


@dataclass
class Entry:
    """A public object: where it is documented and by which names it is known."""

    value: Any
    package: str
    name: str
    #: Its names elsewhere, without "annlib.".
    aliases: list[str] = field(default_factory=list)
    #: Of a class: the objects of it, or that stand for it, which are called as functions.
    functions: list[Entry] = field(default_factory=list)

    @property
    def full_name(self) -> str:
        return ".".join(filter(None, ("annlib", self.package, self.name)))

    @property
    def names(self) -> list[str]:
        return [self.full_name, *(f"annlib.{alias}" for alias in self.aliases)]


def packages() -> list[str]:
    """The public packages in their order."""
    public = [name for name in annlib.__all__ if isinstance(getattr(annlib, name), ModuleType)]
    return sorted(public, key=lambda name: (*_position(name), name))


def _position(package: str) -> tuple[int]:
    return (ORDER.index(package) if package in ORDER else len(ORDER),)


def entries() -> list[Entry]:
    """Every public object once, in the order of the packages; "" is annlib itself."""
    found: dict[int, Entry] = {}
    for package in [*packages(), ""]:
        module = import_module(f"annlib.{package}".rstrip("."))
        for name in module.__all__:
            value = getattr(module, name)
            if isinstance(value, ModuleType | str):
                continue
            if id(value) not in found:
                found[id(value)] = Entry(value, package, name)
            else:
                _also(found[id(value)], package, name)
    classes = {id(entry.value): entry for entry in found.values() if isinstance(entry.value, type)}
    own = []
    for entry in found.values():
        spoken_for = classes.get(id(_class_of(entry.value)))
        if spoken_for is None or spoken_for is entry:
            own.append(entry)
        else:
            spoken_for.functions.append(entry)
    return own


def public_names() -> dict[str, str]:
    """The full names of everything public by their names after "annlib."."""
    return {
        name.removeprefix("annlib."): name
        for entry in entries()
        for each in (entry, *entry.functions)
        for name in each.names
    }


def class_names() -> dict[str, str]:
    """The full names of the classes whose own names are clear without that of a package."""
    found: dict[str, set[str]] = {}
    for entry in entries():
        if isinstance(entry.value, type):
            found.setdefault(entry.name, set()).add(entry.full_name)
    return {name: full.pop() for name, full in found.items() if len(full) == 1}


def _also(entry: Entry, package: str, name: str) -> None:
    """A further name; the one that the object has itself, in the package that it is of, leads."""
    said = getattr(entry.value, "__name__", "")
    home = str(getattr(entry.value, "__module__", "")).split(".")[1:2] == [package]
    if (home and entry.package != package) or (package == entry.package and name == said):
        entry.aliases.insert(0, f"{entry.package}.{entry.name}")
        entry.package, entry.name = package, name
    else:
        entry.aliases.append(f"{package}.{name}".lstrip("."))


def _class_of(value: Any) -> Any:
    """The class that an object stands for, as ``relu`` does for ``ReLU``."""
    if isinstance(value, type):
        return value
    return getattr(value, "cls", None) or (type(value) if isinstance(value, Configurable) else None)


def write_all(folder: Path) -> None:
    """Write the pages of the whole reference into a folder."""
    own = entries()
    public = {id(entry.value): entry for entry in own if isinstance(entry.value, type)}
    start = [_title("API reference"), "Everything that is public, by package.", ""]
    index = [".. toctree::", "   :hidden:", ""]
    listed = [".. list-table::", "   :widths: 20 80", ""]
    for package in [*packages(), ""]:
        here = [entry for entry in own if entry.package == package]
        home = folder / (package or "errors")
        home.mkdir(parents=True)
        elsewhere = [
            (alias.rpartition(".")[2], entry)
            for entry in own
            for known in (entry, *entry.functions)
            for alias in known.aliases
            if alias.rpartition(".")[0] == package and known.package != package
        ]
        pages = []
        for entry in here:
            if isinstance(entry.value, type):
                text = class_page(entry, public)
                pages.append(_written(home / f"{entry.name}.rst", text))
        functions = [entry for entry in here if not isinstance(entry.value, type)]
        if functions:
            text = functions_page(functions)
            pages.append(_written(home / "functions.rst", text))
        for name, module in _modules(package):
            pages.append(_written(home / f"{name}.rst", module_page(package, name, module)))
        _written(home / "index.rst", package_page(package, here, elsewhere, pages))
        index.append(f"   {home.name}/index")
        listed += [f"   * - :doc:`{home.name}/index`", f"     - {_about(package)}"]
    _written(folder / "index.rst", "\n".join([*start, *listed, "", *index]))


def _written(path: Path, text: str) -> str:
    path.write_text(text.rstrip() + "\n", encoding="utf-8")
    return path.stem


def _modules(package: str) -> Iterator[tuple[str, ModuleType]]:
    """The modules that a package lists, each with functions of its own."""
    module = import_module(f"annlib.{package}".rstrip("."))
    if package:
        for name in module.__all__:
            if isinstance(found := getattr(module, name), ModuleType):
                yield name, found


# -- a class ---------------------------------------------------------------------------------------
def class_page(entry: Entry, public: dict[int, Entry]) -> str:
    lines = [_title(entry.name), f".. autoclass:: {entry.full_name}", ""]
    lines += _other_names(entry, "py:class")
    lines += _formula(entry)
    lines += _as_functions(entry)
    lines += _members(entry, public)
    return "\n".join(lines)


def _other_names(entry: Entry, directive: str) -> list[str]:
    if not entry.aliases:
        return []
    lines = [f"Also: {', '.join(f'``annlib.{alias}``' for alias in entry.aliases)}.", ""]
    for alias in entry.aliases:
        lines += [f".. {directive}:: annlib.{alias}", "   :no-typesetting:", ""]
    return lines


def _formula(entry: Entry) -> list[str]:
    """What ``annlib.explain`` shows of a class, if that is more than words."""
    families = tuple(FAMILIES[kind].base for kind in WITH_FORMULAS)
    if not issubclass(entry.value, families) or not entry.value._registered:  # a base class
        return []
    explanation = annlib.explain(entry.value)
    if not explanation.formula.equations:
        return []
    html = explanation._repr_html_().replace("\n", " ")
    return [_heading("Formula"), ".. raw:: html", "", f"   {html}", ""]


def _as_functions(entry: Entry) -> list[str]:
    lines = []
    for function in entry.functions:
        arguments = _signature(function.value)
        first, *others = (f"{name}{arguments}" for name in function.names)
        said = _first_sentence(type(function.value).__call__)
        lines += [
            _heading("As a function") if not lines else "",
            f".. py:function:: {first}",
            *(f"                  {other}" for other in others),
            "",
            f"   {said}",
            "",
        ]
    return lines


def _signature(function: Callable[..., Any]) -> str:
    parameters = inspect.signature(function).parameters.values()
    plain = [each.replace(annotation=inspect.Parameter.empty) for each in parameters]
    return str(inspect.Signature(plain))


@dataclass
class Member:
    """A method or an attribute of a class, and the class that has it."""

    name: str
    value: Any
    owner: type


def _members(entry: Entry, public: dict[int, Entry]) -> list[str]:
    cls = entry.value
    own = _shown(cls, public)
    attributes = [member for member in own if not _is_method(member.value)]
    methods: dict[str, list[Member]] = {}
    for member in own:
        if _is_method(member.value):
            methods.setdefault(member.owner.__module__, []).append(member)
    lines = [_heading("Methods")] if methods else []
    for module, members in methods.items():
        if len(members) > 8 and module != cls.__module__:
            lines.append(_heading(_subject(module), "~"))
        for member in members:
            lines += [f".. automethod:: {entry.full_name}.{member.name}", ""]
    if attributes:
        lines.append(_heading("Attributes"))
    for member in attributes:
        kind = "property" if _is_property(member.value) else "attribute"
        lines += [f".. auto{kind}:: {entry.full_name}.{member.name}", ""]
    inherited = []
    listed = {member.name for member in own}
    for base in _public_bases(cls, public):
        names = [each.name for each in _shown(base, public) if each.name not in listed]
        if names:
            of = public[id(base)].full_name
            links = ", ".join(f":py:obj:`{name} <{of}.{name}>`" for name in names)
            inherited += [f"From :py:class:`{of}`: {links}.", ""]
            listed.update(names)
    for base in cls.__mro__:
        names = sorted(name for name in vars(base) if name[0] != "_" and name not in listed)
        if names and base.__module__.split(".")[0] == "sklearn":
            inherited += [f"From scikit-learn's {base.__name__}: {', '.join(names)}.", ""]
            listed.update(names)
    return [*lines, *([_heading("Inherited"), *inherited] if inherited else [])]


def _public_bases(cls: type, public: dict[int, Entry]) -> list[type]:
    return [base for base in cls.__mro__[1:] if id(base) in public]


def _shown(cls: type, public: dict[int, Entry]) -> list[Member]:
    """What the page of a class describes: all that no page of a base class does."""
    described = {
        each.name for each in ClassDoc(cls, config={"show_class_members": False})["Attributes"]
    }
    bases = _public_bases(cls, public)
    return [
        member
        for member in _found(cls)
        if _has_text(member)
        # An attribute that the docstring describes links to the property, if it is one.
        and (member.name not in described or not _is_plain(member.value))
        and (
            not any(_same(base, member) for base in bases)
            or (member.name in described and _is_property(member.value))
        )
    ]


def _found(cls: type) -> Iterator[Member]:
    """The members of a class that annlib writes, those of the class itself first."""
    seen = set()
    for owner in cls.__mro__:
        if not owner.__module__.startswith("annlib."):
            continue
        for name, value in vars(owner).items():
            if (not name.startswith("_") or name == "__call__") and name not in seen:
                seen.add(name)
                if not _is_method(value) or _home(value).startswith("annlib."):
                    yield Member(name, value, owner)


def _same(base: type, member: Member) -> bool:
    return inspect.getattr_static(base, member.name, None) is member.value


def _is_method(value: Any) -> bool:
    return not _is_property(value) and inspect.isroutine(getattr(value, "__func__", value))


def _home(method: Any) -> str:
    """The module in which a method is written; another's are put into classes, too."""
    return str(getattr(getattr(method, "__func__", method), "__module__", ""))


def _is_plain(value: Any) -> bool:
    return not _is_method(value) and not _is_property(value)


def _is_property(value: Any) -> bool:
    return isinstance(value, property | functools.cached_property)


def _has_text(member: Member) -> bool:
    """Whether it is described where it is defined: by a docstring, or a comment ``#:``."""
    value = member.value
    if not _is_plain(value):
        return bool(value.__doc__)
    comments = ModuleAnalyzer.for_module(member.owner.__module__).find_attr_docs()
    return (member.owner.__qualname__, member.name) in comments


# -- functions, modules, packages ------------------------------------------------------------------
def functions_page(functions: Iterable[Entry]) -> str:
    lines = [_title("Functions")]
    for entry in functions:
        if inspect.isroutine(entry.value):
            lines += [f".. autofunction:: {entry.full_name}", ""]
            lines += _other_names(entry, "py:function")
        else:
            lines += [f".. py:data:: {entry.full_name}", "", f"   {_said(entry)}", ""]
    return "\n".join(lines)


def module_page(package: str, name: str, module: ModuleType) -> str:
    """A data set's module; one that only lists another package's names links there."""
    lines = [_title(name), f".. py:module:: annlib.{package}.{name}", ""]
    lines += [inspect.getdoc(module) or "", ""]
    for each in getattr(module, "__all__", vars(module)):
        function = getattr(module, each)
        own = inspect.isfunction(function) and function.__module__ == module.__name__
        if own and not each.startswith("_"):
            lines += [f".. autofunction:: annlib.{package}.{name}.{each}", ""]
    return "\n".join(lines)


def package_page(
    package: str, here: list[Entry], elsewhere: list[tuple[str, Entry]], pages: list[str]
) -> str:
    module = import_module(f"annlib.{package}".rstrip("."))
    lines = [_title(package.capitalize() if package else "Errors")]
    if package:
        lines += [f".. py:module:: annlib.{package}", "", inspect.getdoc(module) or "", ""]
    else:
        lines += [_about(package), ""]
    for title, group in _groups(package, here):
        if title:
            lines.append(_heading(title))
        lines += [".. list-table::", "   :widths: 30 70", ""]
        for entry in group:
            lines += [f"   * - :py:obj:`{entry.name} <{entry.full_name}>`"]
            lines += [f"     - {_said(entry)}"]
        lines.append("")
    if elsewhere:
        lines += [_heading("Names of what is described elsewhere")]
        lines += [".. list-table::", "   :widths: 30 70", ""]
        for name, entry in elsewhere:
            link = f":py:obj:`{entry.full_name}`"
            lines += [f"   * - :py:obj:`{name} <annlib.{f'{package}.{name}'.lstrip('.')}>`"]
            lines += [f"     - {link}"]
        lines.append("")
    lines += [".. toctree::", "   :hidden:", "", *(f"   {page}" for page in pages)]
    return "\n".join(lines)


def _about(package: str) -> str:
    """One sentence about a package."""
    if not package:
        return "What annlib raises: each is an ``AnnlibError``."
    return _first_sentence(import_module(f"annlib.{package}"))


def _subject(module: str) -> str:
    """What a module is about, in the words with which its docstring begins."""
    return re.split("[:,.]", _first_sentence(import_module(module)))[0]


def _said(entry: Entry) -> str:
    """One sentence about an object: its own, its class', or the comment ``#:`` above it."""
    if isinstance(entry.value, type) or inspect.isroutine(entry.value):
        return _first_sentence(entry.value)
    if type(entry.value).__module__.startswith("annlib."):
        return _first_sentence(type(entry.value))
    for name in sorted(name for name in sys.modules if name.startswith(f"annlib.{entry.package}.")):
        comments = ModuleAnalyzer.for_module(name).find_attr_docs()
        if ("", entry.name) in comments:
            return as_rst(" ".join(comments["", entry.name]).strip())
    return ""


def _groups(package: str, here: list[Entry]) -> list[tuple[str, list[Entry]]]:
    """The entries of a package as they are listed, under the titles of their groups."""
    classes = [entry for entry in here if isinstance(entry.value, type)]
    functions = [entry for entry in here if not isinstance(entry.value, type)]
    groups: dict[str, list[Entry]] = {}
    attribute = GROUPED_BY.get(package)
    modules = {entry.value.__module__ for entry in classes}
    for entry in classes:
        if attribute is not None:
            title = str(getattr(entry.value, attribute, "functions")).capitalize()
        elif len(classes) > 12 and len(modules) <= len(classes) * 2 / 3:
            title = _subject(entry.value.__module__)
        else:
            title = ""
        groups.setdefault(title, []).append(entry)
    # With the group of the base class first.
    of_base = next((title for title, group in groups.items() if _has_base(group, classes)), "")
    groups = {title: groups[title] for title in sorted(groups, key=lambda t: (t != of_base, t))}
    if functions:
        groups.setdefault("Functions" if classes else "", []).extend(functions)
    return list(groups.items())


def _has_base(group: list[Entry], classes: list[Entry]) -> bool:
    """Whether the class is in the group of which most others are."""
    return any(
        sum(issubclass(other.value, entry.value) for other in classes) > len(classes) / 2
        for entry in group
    )


def _first_sentence(thing: Any) -> str:
    """The first sentence of a docstring, on one line."""
    paragraph = " ".join((inspect.getdoc(thing) or "").partition("\n\n")[0].split())
    found = re.match(r".*?[.](?= [A-Z]|$)", paragraph)
    return as_rst(found[0] if found else paragraph)


def docstring_as_rst(lines: list[str]) -> list[str]:
    """A docstring as Sphinx is to read it: what is indented above its sections are equations."""
    sections = (number for number, line in enumerate(lines) if re.fullmatch(r"-{3,}", line))
    above = next(sections, len(lines))
    found: list[str] = []
    inside = False
    for number, line in enumerate(lines):
        starts = number < above and not (number and lines[number - 1].strip())
        if starts and line.strip():
            inside = line.startswith("    ") and not line.lstrip().startswith(">>>")
            found += [".. code-block:: none", ""] if inside else []
        inside = inside and number < above
        literal = inside or line.lstrip().startswith((">>>", "..."))
        found.append(line if literal else as_rst(line))
    return found


def as_rst(line: str) -> str:
    """A line of a docstring, in which |z| is an absolute value and *rows an argument."""
    pieces = line.split("``")
    pieces[::2] = [re.sub(r"\||(?<![\w*\\])\*(?=\w)", r"\\\g<0>", piece) for piece in pieces[::2]]
    return "``".join(pieces)


def _title(text: str) -> str:
    return f"{text}\n{'=' * len(text)}\n"


def _heading(text: str, line: str = "-") -> str:
    return f"{text}\n{line * len(text)}\n"

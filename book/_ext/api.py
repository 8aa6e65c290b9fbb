"""Reference pages out of the docstrings of the library, which are Markdown and are shown as such.

A line `{api} lib.attacks` of a page becomes the documentation of that module: its own docstring, then every public function
and class that has one, with its signature and its source folded away. `{api} lib.fixup.*` is every module of a package.
Nothing is imported: the files are parsed.
"""

import ast
import importlib.util
import re
from pathlib import Path

from sphinx.addnodes import pending_xref

LINE = re.compile(r"^\{api\} lib\.(\S+)$", re.MULTILINE)


def library() -> Path:
    return Path(importlib.util.find_spec("lib").origin).parent


def expand(app, name: str, source: list[str]) -> None:
    """Replace the lines of a page that ask for modules."""
    source[0] = LINE.sub(lambda found: "\n".join(map(module, matching(found[1]))), source[0])


def matching(pattern: str) -> list[Path]:
    """The files of the modules that `*.claims`, after `lib.`, stands for. Raises ValueError where there is none."""
    paths = sorted(library().glob(pattern.replace(".", "/") + ".py"))
    if not paths:
        raise ValueError(f"no module is called lib.{pattern}")
    return [path for path in paths if path.stem != "__main__" and path.read_text()]


def module(path: Path) -> str:
    """The documentation of a module in MyST Markdown, one level below a page's title."""
    text = path.read_text()
    tree = ast.parse(text)
    dotted = ".".join(path.relative_to(library().parent).with_suffix("").parts).removesuffix(".__init__")
    parts = [f"## `{dotted}`", prose(ast.get_docstring(tree)), f":::{{py:currentmodule}} {dotted}\n:::"]
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and is_shown(node):
            parts.append(entry(node, text, colons=7))
    return "\n\n".join(parts) + "\n"


def is_shown(node: ast.ClassDef | ast.FunctionDef) -> bool:
    return not node.name.startswith("_") and ast.get_docstring(node) is not None


def entry(node: ast.ClassDef | ast.FunctionDef, text: str, colons: int) -> str:
    """A function, or a class with its methods: signature, docstring, source."""
    fence = ":" * colons
    parts = [prose(ast.get_docstring(node))]
    if isinstance(node, ast.ClassDef):
        kind, signature = "class", f"{node.name}({', '.join(fields(node))})"
        methods = [each for each in node.body if isinstance(each, ast.FunctionDef) and is_shown(each)]
        parts += [entry(method, text, colons - 2) for method in methods]
    else:
        decorators = {ast.unparse(each) for each in node.decorator_list}
        kind = "property" if decorators & {"property", "functools.cached_property"} else "function" if colons == 7 else "method"
        arguments = re.sub(r"^(self|cls)(, )?", "", ast.unparse(node.args))
        returned = f" -> {ast.unparse(node.returns)}" if node.returns else ""
        signature = node.name if kind == "property" else f"{node.name}({arguments}){returned}"
    if colons == 7:
        code = ast.get_source_segment(text, node)
        parts.append(f":::{{dropdown}} Source\n:class-container: api-source\n```python\n{code}\n```\n:::")
    return "\n\n".join([f"{fence}{{py:{kind}}} {signature}", *parts, fence])


def fields(node: ast.ClassDef) -> list[str]:
    """What a class is made from: the arguments of `__init__`, or the fields of a data class."""
    for each in node.body:
        if isinstance(each, ast.FunctionDef) and each.name == "__init__":
            return [re.sub(r"^self(, )?", "", ast.unparse(each.args))]
    return [ast.unparse(each) for each in node.body if isinstance(each, ast.AnnAssign) and "field(" not in ast.unparse(each)]


def prose(docstring: str | None) -> str:
    """A docstring as it reads: outside `code`, a dollar is no formula, an angle no tag and a star no emphasis."""
    pieces = re.split(r"(`[^`]*`)", docstring or "")
    return "".join(piece if piece.startswith("`") else re.sub(r"([$<*])", r"\\\1", piece) for piece in pieces)


def types_as_text(app, tree) -> None:
    """No links from signatures: most types are of other libraries, and an unqualified name may be that of two classes."""
    for reference in list(tree.findall(pending_xref)):
        if reference["refdomain"] == "py":
            reference.replace_self(reference.children)


def setup(app):
    app.connect("source-read", expand)
    app.connect("doctree-read", types_as_text)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
